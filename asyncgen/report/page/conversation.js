"use strict";

// A conversation as elements, and the way from one to the next, for the report and the view. Its text is untrusted: it
// only ever becomes text nodes, and what cannot be seen (controls, bidi, zero width) is called by its code point.

const UNSEEN = "(?![\\n\\t\\u200c\\u200d])[\\p{Cc}\\p{Cf}\\p{Co}\\p{Cs}\\p{Zl}\\p{Zp}]";
const LONG = 2000; // characters of a message that are shown at first

const formatted = (number) => number.toLocaleString("en");
const plural = (number, noun) => `${formatted(number)} ${noun}${number === 1 ? "" : "s"}`;

function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

/** A pattern for what is special in a text: what cannot be seen (group 1), and the words that were searched for. */
function specials(words) {
  const sought = words.map((word) => word.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"));
  return new RegExp([`(${UNSEEN})`, ...sought].join("|"), "giu");
}

/** Appends the text, with the words marked. */
function appendText(parent, text, words = []) {
  let end = 0;
  for (const match of text.matchAll(specials(words))) {
    parent.append(text.slice(end, match.index));
    end = match.index + match[0].length;
    if (match[1]) {
      const name = `U+${match[1].codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
      parent.append(element("span", "codepoint", name));
    } else {
      parent.append(element("mark", "", match[0]));
    }
  }
  parent.append(text.slice(end));
}

function beginning(text) {
  const splitsPair = /[\ud800-\udbff]/.test(text[LONG - 1]);
  return text.slice(0, splitsPair ? LONG - 1 : LONG);
}

/** The bubble of a message; `cut`: how many characters are not in this page at all. */
function bubbleElement(content, cut, words) {
  const bubble = element("div", "bubble");
  bubble.dir = "auto";
  const fill = (text) => {
    bubble.replaceChildren();
    appendText(bubble, text, words);
  };
  const end = () => {
    if (cut) bubble.append(element("p", "small", `and ${plural(cut, "more character")} in the file`));
  };
  const found = words.some((word) => content.toLowerCase().includes(word, LONG - word.length));
  if (content.length <= LONG || found) {
    fill(content);
    end();
    return bubble;
  }
  const more = element("button", "quiet more", `Show all ${plural(content.length, "character")}`);
  more.type = "button";
  more.addEventListener("click", () => {
    fill(content);
    end();
    bubble.tabIndex = -1;
    bubble.focus();
  });
  fill(beginning(content));
  bubble.append("…", more);
  return bubble;
}

function messageElement({ role, content, cut = 0 }, words) {
  const known = role === "user" || role === "assistant";
  const name = element("span", "role");
  appendText(name, role);
  return element("li", `message is-${known ? role : "other"}`, name, bubbleElement(content, cut, words));
}

function tagElement({ text, tone = "" }, words) {
  const tag = element("li", tone ? `tag is-${tone}` : "tag");
  appendText(tag, text, words);
  return tag;
}

/** An article of the heading, tags [{text, tone}] and messages [{role, content, cut}]; words are marked. */
function conversationElement({ heading, tags, messages }, words = []) {
  const head = element("header", "conversation-head", element("h3", "", heading));
  if (tags.length) head.append(element("ul", "tags", ...tags.map((tag) => tagElement(tag, words))));
  const list = element("ol", "messages", ...messages.map((message) => messageElement(message, words)));
  const article = element("article", "conversation", head, list);
  article.tabIndex = -1;
  article.setAttribute("aria-label", heading);
  return article;
}

/** Which conversation of the page comes `by` places after the focused one; null over the end of the page. */
function placeOfNext(list, by) {
  const articles = [...list.querySelectorAll("article")];
  const current = articles.indexOf(document.activeElement?.closest("article"));
  const wanted = current < 0 ? 0 : current + by;
  return wanted >= 0 && wanted < articles.length ? wanted : null;
}

/** Single letters are commands where nobody is typing; Escape in the search field leaves the search. */
function listenToKeys(commands, search, leave) {
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea");
    if (event.key === "Escape" && event.target === search) {
      leave();
      search.blur(); // so that letters are commands again
    } else if (!typing && !event.ctrlKey && !event.metaKey && !event.altKey && Object.hasOwn(commands, event.key)) {
      event.preventDefault();
      commands[event.key]();
    }
  });
}
