"use strict";

// The whole file, page by page: filters, search, keys, marks, and the figures of a run. What is shown at any time is
// `view`; a page that arrives after another was asked for is dropped.

const PAGE_SIZE = 10;
const SEARCH_DELAY = 250; // milliseconds of silence before what was typed is searched for

const token = document.querySelector("meta[name=token]").content;
const [facts, progress, notes, form, free, line, lineLabel, clear, count, alertBox, list, position, previous, next] = [
  ..."facts progress notes filters free line line-label clear count alert list position previous next".split(" "),
].map((id) => document.getElementById(id));

const choices = new Map(); // by name the select element, and what its value adds to a choice
let view = { start: 0, total: 0, generation: 0, cursors: [null], place: 0, cursor: null, words: [] };
let state = null;
let optionsShown = -1;
let asking = new AbortController();
let timer = 0;

const formatted = (number) => number.toLocaleString("en");
const plural = (number, noun) => `${formatted(number)} ${noun}${number === 1 ? "" : "s"}`;

// ---- asking the server

async function ask(path, parameters = {}, settings = {}) {
  const query = new URLSearchParams(parameters);
  const response = await fetch(`${path}?${query}`, settings);
  const body = await response.json().catch(() => ({ error: `The viewer answered ${response.status}.` }));
  if (!response.ok) throw new Error(body.error);
  return body;
}

/** Runs what fills the page; a later call leaves an earlier one behind. */
async function load(fill) {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  list.setAttribute("aria-busy", "true");
  try {
    await fill(signal);
    complain("");
  } catch (error) {
    if (signal.aborted) return;
    complain(error instanceof TypeError ? "The viewer does not answer any more; was it ended?" : error.message);
  }
  if (!signal.aborted) list.removeAttribute("aria-busy");
}

function complain(text) {
  alertBox.hidden = !text;
  alertBox.textContent = text;
}

// ---- what is chosen

function choice() {
  const chosen = { where: {} };
  for (const { select, add } of choices.values()) if (select.value !== "") add(chosen, select.value);
  if (!Object.keys(chosen.where).length) delete chosen.where;
  return chosen;
}

function option(label, value) {
  const made = element("option", "");
  appendText(made, label);
  made.value = value;
  return made;
}

/** Puts a select in place, or new options into the one that is there, which keeps what was chosen. */
function offer(name, options, add) {
  if (!choices.has(name)) {
    const select = element("select", "");
    select.name = name;
    select.addEventListener("change", () => showFrom(0));
    const label = element("span", "");
    appendText(label, name);
    lineLabel.before(element("label", "", label, select));
    choices.set(name, { select, add });
  }
  const { select } = choices.get(name);
  const chosen = select.value;
  select.replaceChildren(option("all", ""), ...options);
  if ([...select.options].some((each) => each.value === chosen)) select.value = chosen;
  select.closest("label").hidden = !options.length;
}

function offerDimension({ name, groups }) {
  const value = (...path) => JSON.stringify(path);
  const options = groups.flatMap((group) => {
    const members = group.values.map((each) => option(each, value(group.name, each)));
    if (!group.name) return members;
    const made = element("optgroup", "", option(`any of ${group.name}`, value(group.name)), ...members);
    made.label = group.name;
    return [made];
  });
  offer(name, options, (chosen, path) => (chosen.where[name] = JSON.parse(path)));
}

function offerAll({ dimensions, models, rules }) {
  dimensions.forEach(offerDimension);
  offer(
    "model",
    models.map((each) => option(each, each)),
    (chosen, model) => (chosen.model = model),
  );
  const found = rules.map(({ name, count }) => option(`${name} (${formatted(count)})`, name));
  const any = rules.length ? [option("any finding", "any"), option("no finding", "none")] : [];
  offer("finding", [...any, ...found], (chosen, finding) => (chosen.finding = finding));
  offer("mark", [option("dropped", "dropped"), option("not dropped", "kept")], (chosen, mark) => (chosen.mark = mark));
}

async function showOptions() {
  const options = await ask("options");
  offerAll(options);
  const said = [options.audit, ...options.notes].filter(Boolean);
  notes.replaceChildren(
    ...said.map((each) => {
      const item = element("li", "");
      appendText(item, each);
      return item;
    }),
  );
}

// ---- pages

function showFrom(start) {
  clearTimeout(timer);
  const words = free.value.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length) return search(words, [null]);
  return load(async (signal) => {
    const page = await ask("lines", { choice: JSON.stringify(choice()), start }, { signal });
    if (page.start && !page.conversations.length) return showFrom(0);
    return showPage(page);
  });
}

function showPage({ start, total, generation, conversations }) {
  view = { start, total, generation, cursors: null, words: [] };
  fill(conversations);
  const chosen = Object.keys(choice()).length > 0;
  count.textContent = total || !chosen ? plural(total, chosen ? "conversation" : "line") : "No conversation is like that";
  position.textContent = conversations.length ? `${formatted(start + 1)} to ${formatted(start + conversations.length)}` : "";
  previous.disabled = start === 0;
  next.disabled = start + PAGE_SIZE >= total;
}

/** The page of a search that begins at the last of the cursors: asks on until it is full or the file is through. */
function search(words, cursors) {
  return load(async (signal) => {
    const shown = [];
    let cursor = cursors.at(-1);
    let more = true;
    fill([]);
    position.textContent = "";
    next.disabled = previous.disabled = true;
    while (more && shown.length < PAGE_SIZE) {
      const room = PAGE_SIZE - shown.length;
      const parameters = { choice: JSON.stringify(choice()), words: words.join(" "), room, ...(cursor && { cursor }) };
      const found = await ask("search", parameters, { signal });
      shown.push(...found.conversations);
      cursor = found.cursor;
      more = cursor !== null;
      view = { generation: found.generation, cursors, cursor, words };
      if (found.conversations.length) fill(shown);
      count.textContent = describeSearch(shown.length, found, more, cursors.length - 1);
    }
    previous.disabled = cursors.length === 1;
    next.disabled = !more;
    if (shown.length) position.textContent = `page ${cursors.length}`;
  });
}

function describeSearch(shown, { searched, lines }, more, pagesBefore) {
  const part = more ? `searched ${formatted(searched)} of ${plural(lines, "line")}` : `searched all ${plural(lines, "line")}`;
  if (!shown && !more && !pagesBefore) return `No conversation is like that; ${part}`;
  return `${plural(shown, "conversation")} on this page; ${part}`;
}

function fill(conversations) {
  list.replaceChildren(...conversations.map((each) => element("li", "", conversationOf(each))));
}

function conversationOf(each) {
  const { scenario, model, index, asks, findings, messages, omitted, dropped } = each;
  const shown = index === null ? `Line ${formatted(each.line)}` : `Line ${formatted(each.line)}, index ${formatted(index)}`;
  const tags = [
    ...(dropped ? [{ text: "dropped", tone: "error" }] : []),
    ...findings.map(({ rule, severity }) => ({ text: rule, tone: severity })),
    ...Object.values(scenario).flatMap((values) => values.map(([, value]) => ({ text: value }))),
  ];
  const article = conversationElement({ heading: shown, tags, messages }, view.words);
  article.id = `line-${each.line}`;
  article.classList.toggle("is-dropped", dropped);
  if (!each.is_conversation) article.append(element("p", "small", "This line is no conversation."));
  if (omitted) article.append(element("p", "small", `and ${plural(omitted, "more message")} in the file`));
  const quoted = findings.flatMap(({ rule, evidence }) => evidence.map((text) => quotation(rule, text)));
  if (quoted.length) article.append(element("ul", "evidence-list", ...quoted));
  const origin = [model, each.finish_reason && `finish reason ${each.finish_reason}`, asks && plural(asks, "ask")];
  const foot = element("footer", "conversation-foot", originElement(origin.filter(Boolean)), link(each.line));
  if (each.is_conversation) foot.append(markButton(each));
  article.append(foot);
  return article;
}

function originElement(parts) {
  const origin = element("span", "small origin");
  appendText(origin, parts.join(", "));
  return origin;
}

function quotation(rule, text) {
  const evidence = element("span", "evidence");
  appendText(evidence, text);
  return element("li", "", element("span", "small", rule), evidence);
}

function link(number) {
  const made = element("a", "small", "Link");
  made.href = `#line-${number}`;
  made.setAttribute("aria-label", `Link to line ${number}`);
  return made;
}

// ---- marks

function markButton({ line: number, dropped }) {
  const button = element("button", dropped ? "mark" : "mark danger", dropped ? "Undo" : "Drop");
  button.type = "button";
  button.setAttribute("aria-label", `${dropped ? "Keep" : "Drop"} line ${number}`);
  button.addEventListener("click", () => mark(number, !dropped));
  return button;
}

async function mark(number, dropped) {
  try {
    const body = JSON.stringify({ line: number, generation: view.generation, dropped });
    const shown = await ask("marks", {}, { method: "POST", headers: { "X-Token": token }, body });
    const before = document.getElementById(`line-${number}`);
    if (!before) return;
    const hadFocus = before.contains(document.activeElement);
    const onButton = document.activeElement?.matches("button.mark");
    const article = conversationOf(shown);
    before.replaceWith(article);
    if (hadFocus) (onButton ? article.querySelector("button.mark") : article).focus({ preventScroll: true });
    complain("");
  } catch (error) {
    complain(error.message);
  }
}

// ---- moving

function turn(step) {
  if ((step > 0 ? next : previous).disabled) return false;
  if (!view.cursors) return showFrom(view.start + step * PAGE_SIZE);
  return search(view.words, step > 0 ? [...view.cursors, view.cursor] : view.cursors.slice(0, -1));
}

async function turnAndFocus(step) {
  const turning = turn(step);
  if (!turning) return;
  await turning;
  focusArticle(step > 0 ? 0 : -1);
}

async function turnByButton(step) {
  await turn(step);
  count.scrollIntoView();
}

function focusArticle(number) {
  const article = [...list.querySelectorAll("article")].at(number);
  if (!article) return;
  article.focus();
  history.replaceState(null, "", `#${article.id}`);
}

/** To the next or previous conversation, over the end of the page if need be. */
function step(by) {
  const wanted = placeOfNext(list, by);
  if (wanted === null) turnAndFocus(by);
  else focusArticle(wanted);
}

function markFocused() {
  document.activeElement?.closest("article")?.querySelector("button.mark")?.click();
}

/** The line that the address names, among all lines. */
function showLine(number) {
  resetFilters();
  return load(async (signal) => {
    const page = await ask("lines", { line: number }, { signal });
    showPage(page);
    const article = document.getElementById(`line-${number}`);
    if (!article) throw new Error(`There is no line ${formatted(number)} yet: ${plural(page.total, "line")} are known.`);
    article.focus({ preventScroll: true });
    article.scrollIntoView();
  });
}

function followHash() {
  const number = Number(/^#line-(\d{1,15})$/.exec(location.hash)?.[1]);
  if (number) showLine(number);
  return Boolean(number);
}

function goToLine() {
  const number = Number(line.value.replace(/[\s,.]/g, ""));
  if (Number.isSafeInteger(number) && number > 0) {
    if (location.hash === `#line-${number}`) followHash();
    else location.hash = `#line-${number}`;
  } else if (line.value) {
    complain("A line is a whole number from 1.");
  }
}

function resetFilters() {
  clearTimeout(timer);
  form.reset();
}

function clearFilters() {
  resetFilters();
  return showFrom(0);
}

// ---- figures

function fact(name, value, detail = "") {
  const definition = element("dd", "live", value);
  if (detail) definition.append(element("small", "", detail));
  return element("div", "", element("dt", "", name), definition);
}

function showState() {
  const { lines, num, done, failed, pending, dropped, cost, unpriced, rate, calls } = state;
  const shown = [fact("lines", formatted(lines), dropped ? `${formatted(dropped)} dropped` : "")];
  if (num) {
    shown.push(fact("done", formatted(done), `of ${formatted(num)}`));
    shown.push(fact("failed", formatted(failed)));
    shown.push(fact("pending", formatted(pending)));
    const atLeast = cost !== null && unpriced ? `at least: that of ${plural(unpriced, "call")} is unknown` : "";
    shown.push(fact("cost", cost ?? "unknown", atLeast || plural(calls, "call")));
  }
  if (rate) shown.push(fact("a minute", formatted(Math.round(rate)), "written just now"));
  facts.replaceChildren(...shown);
  const share = state.size ? Math.floor((100 * state.read) / state.size) : 100;
  progress.textContent = state.is_whole ? "" : `Reading the file: ${share} %. What has been read can be looked at.`;
}

/** A first page that was not full is filled as lines come; any other stays as it is read. */
function followGrowth(before) {
  if (before && before.generation !== state.generation) {
    complain("");
    showFrom(0);
  } else if (view.cursors === null && !Object.keys(choice()).length && state.lines !== view.total) {
    if (list.children.length < PAGE_SIZE) showFrom(view.start);
    else {
      view.total = state.lines;
      count.textContent = plural(view.total, "line");
      next.disabled = view.start + PAGE_SIZE >= view.total;
    }
  }
}

function listen() {
  const events = new EventSource("events");
  events.addEventListener("message", ({ data }) => {
    const before = state;
    state = JSON.parse(data);
    showState();
    if (state.options !== optionsShown) {
      optionsShown = state.options;
      showOptions().catch((error) => complain(error.message));
    }
    followGrowth(before);
  });
  events.addEventListener("error", () => (progress.textContent = "The viewer does not answer any more; was it ended?"));
  window.addEventListener("pagehide", () => events.close());
}

// ---- keys

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  n: () => turnAndFocus(1),
  p: () => turnAndFocus(-1),
  d: markFocused,
  "/": () => free.focus(),
};

listenToKeys(KEYS, free, clearFilters);

previous.addEventListener("click", () => turnByButton(-1));
next.addEventListener("click", () => turnByButton(1));
free.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => showFrom(0), SEARCH_DELAY);
});
line.addEventListener("change", goToLine);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (document.activeElement === free) showFrom(0);
});
clear.addEventListener("click", clearFilters);
window.addEventListener("hashchange", followHash);

listen();
if (!followHash()) showFrom(0);
