"use strict";

// The whole file, page by page: filters, search, keys, marks, and the figures of a run. What is wanted stands in the
// address, so that a reload, the way back and a link to others lead to the same; a page that arrives after another was
// asked for is dropped.

const PAGE_SIZE = 10;
const SEARCH_DELAY = 250; // milliseconds of silence before what was typed is searched for

const byId = (id) => document.getElementById(id);
const token = document.querySelector("meta[name=token]").content;
const [facts, progress, notes, form, free, fold, line, unfolded, selects, chosen, count, markAll, clear] =
  "facts progress notes filters free fold line unfolded choices chosen count mark-all clear".split(" ").map(byId);
const [previous, position, next, told, alertBox, list] = "previous position next told alert list".split(" ").map(byId);

const choices = new Map(); // by name the select element, and how its value is read from a choice and written to one
let wanted = { choice: {}, words: "", start: 0 };
let view = { start: 0, total: Infinity, generation: 0, isCounted: false };
let showAgain = showWanted; // what is being shown, or was last
let state = null;
let optionsShown = -1;
let rulesShown = "[[],{}]";
let asked = {}; // by a judge: questions by their names
let asking = new AbortController();
let timer = 0;


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

// ---- what is wanted, and its address

function parametersOf({ choice, words, start }) {
  return {
    ...(Object.keys(choice).length && { choice: JSON.stringify(choice) }),
    ...(words && { words }),
    ...(start && { start }),
  };
}

function addressOf(what) {
  const query = new URLSearchParams(parametersOf(what)).toString();
  return location.pathname + (query && `?${query}`);
}

function readAddress() {
  const query = new URLSearchParams(location.search);
  const start = Number(query.get("start"));
  const read = { choice: {}, words: query.get("words") ?? "", start: Number.isSafeInteger(start) && start > 0 ? start : 0 };
  try {
    const choice = JSON.parse(query.get("choice") ?? "{}");
    if (isChoice(choice)) read.choice = { ...choice };
  } catch {
    // an address that was cut shows everything
  }
  return read;
}

/** Whether it has the shape of a choice; whether there is such a thing to choose is the server's to say. */
function isChoice(given) {
  const isText = (each) => typeof each === "string";
  const { where = {}, lines = [], ...others } = given ?? {};
  const paths = Object.values(where ?? { no: "path" });
  return (
    Array.isArray(lines) &&
    paths.every((path) => Array.isArray(path) && path.length > 0 && path.every(isText)) &&
    Object.values(others).every(isText)
  );
}

function lineOfAddress() {
  return Number(/^#line-(\d{1,15})$/.exec(location.hash)?.[1] ?? 0);
}

const isNarrowed = () => Object.keys(wanted.choice).length > 0 || wanted.words !== "";
const wordsOf = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);

/** Shows what is wanted from now on; `replace`: the way back does not lead to what was wanted before. */
function go(change, { replace = false } = {}) {
  clearTimeout(timer);
  wanted = { ...wanted, start: 0, ...change };
  history[replace ? "replaceState" : "pushState"](null, "", addressOf(wanted));
  return showWanted();
}

/** After a reload, on the way back, and where a link names a line. */
async function followAddress(isFirst = false) {
  const asked = readAddress();
  const number = lineOfAddress();
  const isShown = !isFirst && addressOf(asked) === addressOf(wanted);
  wanted = asked;
  if (number && !location.search && !byId(`line-${number}`)) return showLine(number);
  if (!isShown) await showWanted();
  if (!number) return undefined;
  const article = byId(`line-${number}`);
  if (!article) return showLine(number);
  article.focus({ preventScroll: true });
  article.scrollIntoView();
  return undefined;
}

/** The controls say what is wanted. */
function reflect() {
  if (document.activeElement !== free || wordsOf(free.value).join(" ") !== wanted.words) free.value = wanted.words;
  for (const { select, read } of choices.values()) {
    const value = read(wanted.choice);
    select.value = [...select.options].some((each) => each.value === value) ? value : "";
  }
  chosen.replaceChildren(...describeChoice(wanted.choice).map(chosenElement));
  fold.textContent = chosen.children.length ? `Filters (${chosen.children.length})` : "Filters";
  clear.hidden = !isNarrowed();
}

const without = (object, name) => Object.fromEntries(Object.entries(object).filter(([each]) => each !== name));
const withWhere = (choice, where) => (Object.keys(where).length ? { ...choice, where } : without(choice, "where"));

/** What is chosen, as [text, the choice without it]. */
function describeChoice(choice) {
  const { where = {}, ...others } = choice;
  const ofDimension = ([name, path]) => {
    const value = path.length > 1 || !path[0] ? path.at(-1) : `any of ${path[0]}`;
    return [`${name}: ${value}`, withWhere(choice, without(where, name))];
  };
  const ofProperty = ([name, value]) => {
    const said = value === "kept" ? "not dropped" : value;
    return [name === "lines" ? `lines ${value.join(" and ")}` : `${name}: ${said}`, without(choice, name)];
  };
  return [...Object.entries(where).map(ofDimension), ...Object.entries(others).map(ofProperty)];
}

function chosenElement([text, rest]) {
  const button = element("button", "chosen");
  appendText(button, text);
  button.append(" ×");
  button.type = "button";
  button.setAttribute("aria-label", `Leave out the filter ${text}`);
  button.addEventListener("click", () => go({ choice: rest }));
  return element("li", "", button);
}

// ---- what can be chosen

function option(label, value) {
  const made = element("option", "");
  appendText(made, label);
  made.value = value;
  return made;
}

/** Puts a select in place, or new options into the one that is there. */
function offer(name, options, read, write) {
  if (!choices.has(name)) {
    const select = element("select", "");
    select.name = name;
    select.addEventListener("change", () => go({ choice: write(wanted.choice, select.value) }));
    const label = element("span", "");
    appendText(label, name);
    selects.append(element("label", "", label, select));
    choices.set(name, { select, read });
  }
  const { select } = choices.get(name);
  select.replaceChildren(option("all", ""), ...options);
  select.closest("label").hidden = !options.length;
}

function offerProperty(name, options) {
  offer(
    name,
    options,
    (choice) => choice[name] ?? "",
    (choice, value) => (value ? { ...choice, [name]: value } : without(choice, name)),
  );
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
  offer(
    name,
    options,
    ({ where = {} }) => (where[name] ? value(...where[name]) : ""),
    (choice, path) => {
      const { where = {} } = choice;
      return withWhere(choice, path ? { ...where, [name]: JSON.parse(path) } : without(where, name));
    },
  );
}

function offerAll({ dimensions, models, rules, is_judged: isJudged }) {
  dimensions.forEach(offerDimension);
  offerProperty(
    "model",
    models.map((each) => option(each, each)),
  );
  const found = rules.map(({ name, count }) => option(`${name} (${formatted(count)})`, name));
  const any = rules.length ? [option("any finding", "any"), option("no finding", "none")] : [];
  offerProperty("finding", [...any, ...found]);
  offerProperty("mark", [option("dropped", "dropped"), option("not dropped", "kept")]);
  offerProperty("judge", isJudged ? [option("judged", "judged")] : []);
  reflect();
}

async function showOptions() {
  const options = await ask("options");
  offerAll(options);
  asked = options.asked;
  const rules = JSON.stringify([options.rules, asked]);
  if (rules !== rulesShown && list.children.length) refresh();
  rulesShown = rules;
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

/** The page that is wanted, then, of a search, how many there are in all. */
function showWanted() {
  showAgain = showWanted;
  reflect();
  return load(async (signal) => {
    for (let shown = -1, page = null; !page || page.searched < page.lines; ) {
      const isFull = page?.conversations.length === PAGE_SIZE;
      page = await ask("lines", { ...parametersOf(wanted), ...(isFull && { total: 1 }) }, { signal });
      const isCounted = page.searched === page.lines;
      if (page.start && !page.conversations.length && isCounted) return go({}, { replace: true });
      view = { start: page.start, total: page.total, generation: page.generation, isCounted };
      if (page.conversations.length !== shown) fill(page.conversations);
      shown = page.conversations.length;
      if (shown === PAGE_SIZE) list.removeAttribute("aria-busy");
      describePage(page);
    }
    return undefined;
  });
}

/** The same page again, with what is known now; the focus stays. */
async function refresh() {
  const focused = document.activeElement?.closest("article")?.id;
  await showAgain();
  if (focused) byId(focused)?.focus({ preventScroll: true });
}

function describePage({ start, total, searched, lines, conversations }) {
  count.textContent = describeCount(total, searched, lines);
  position.textContent = conversations.length
    ? `${formatted(start + 1)} to ${formatted(start + conversations.length)}`
    : "";
  previous.disabled = start === 0;
  next.disabled = start + PAGE_SIZE >= total;
  const keeps = wanted.choice.mark === "dropped";
  markAll.hidden = !isNarrowed() || !total || !view.isCounted;
  markAll.textContent = `${keeps ? "Keep" : "Drop"} all ${formatted(total)}`;
}

function describeCount(total, searched, lines) {
  if (!isNarrowed()) return plural(total, "line");
  if (searched < lines) return `${formatted(total)} so far; searched ${formatted(searched)} of ${plural(lines, "line")}`;
  return total ? `${formatted(total)} of ${plural(lines, "line")}` : "No conversation is like that";
}

function fill(conversations) {
  list.classList.toggle("is-pair", wanted.choice.lines?.length === 2);
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
  const article = conversationElement({ heading: shown, tags, messages }, wordsOf(wanted.words));
  article.id = `line-${each.line}`;
  article.classList.toggle("is-dropped", dropped);
  if (!each.is_conversation) article.append(element("p", "small", "This line is no conversation."));
  if (omitted) article.append(element("p", "small", `and ${plural(omitted, "more message")} in the file`));
  const quoted = findings.flatMap(({ rule, evidence, like }) => [
    ...evidence.map((text) => quotation(rule, text)),
    ...(like ? [likeElement(rule, like, each.line)] : []),
  ]);
  if (quoted.length) article.append(element("ul", "evidence-list", ...quoted));
  const questions = Object.entries(each.questions);
  if (questions.length) article.append(labelsElement(each.line, questions));
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

/** Leads to both conversations, side by side. */
function likeElement(rule, like, number) {
  const made = element("a", "within", `like line ${formatted(like)}`);
  made.href = addressOf({ choice: { lines: [like, number] }, words: "", start: 0 });
  return element("li", "", element("span", "small", rule), element("span", "", made));
}

function link(number) {
  const made = element("a", "small", "Link");
  made.href = `#line-${number}`;
  made.setAttribute("aria-label", `Link to line ${number}`);
  return made;
}

// ---- labels

/** A judge's questions, for a person to answer; folded, so that nobody is told to. */
function labelsElement(number, questions) {
  const rows = questions.map(([question, said]) => {
    const answers = [true, false].map((holds) => {
      const button = element("button", "quiet label", holds ? "Yes" : "No");
      button.type = "button";
      button.setAttribute("aria-pressed", String(said === holds));
      button.setAttribute("aria-label", `${holds ? "Yes" : "No"} to ${question}, line ${number}`);
      button.addEventListener("click", () => changeLine("labels", number, { question, holds }));
      return button;
    });
    const name = element("span", "small");
    appendText(name, question);
    const words = element("p", "question");
    appendText(words, Object.hasOwn(asked, question) ? asked[question] : "");
    return element("li", "", name, element("div", "", words, ...answers));
  });
  const answered = questions.filter(([, said]) => said !== null).length;
  const summary = element("summary", "small", `Your answers: ${answered} of ${questions.length}`);
  return element("details", "labels", summary, element("ul", "evidence-list", ...rows));
}

// ---- marks

function markButton({ line: number, dropped }) {
  const button = element("button", dropped ? "mark" : "mark danger", dropped ? "Undo" : "Drop");
  button.type = "button";
  button.setAttribute("aria-label", `${dropped ? "Keep" : "Drop"} line ${number}`);
  button.addEventListener("click", () => mark(number, !dropped));
  return button;
}

function mark(number, dropped) {
  return changeLine("marks", number, { dropped });
}

/** Sends what a person says of a line, and shows the line as it is then; the focus stays on the same button. */
async function changeLine(path, number, said) {
  try {
    const body = JSON.stringify({ line: number, generation: view.generation, ...said });
    const shown = await ask(path, {}, { method: "POST", headers: { "X-Token": token }, body });
    const before = byId(`line-${number}`);
    if (!before) return;
    const hadFocus = before.contains(document.activeElement);
    const place = [...before.querySelectorAll("button.mark, button.label")].indexOf(document.activeElement);
    const article = conversationOf(shown);
    if (before.querySelector("details.labels")?.open) article.querySelector("details.labels").open = true;
    before.replaceWith(article);
    const buttons = article.querySelectorAll("button.mark, button.label");
    if (hadFocus) (buttons[place] ?? article).focus({ preventScroll: true });
    complain("");
  } catch (error) {
    complain(error.message);
  }
}

/** Marks all that fit, in one step that one step undoes. */
async function markAllWanted() {
  const dropped = wanted.choice.mark !== "dropped";
  const { choice, words } = wanted;
  const body = { choice, words, total: view.total, generation: view.generation, dropped };
  markAll.disabled = true;
  await change("marks/all", body, dropped ? "dropped" : "kept");
  markAll.disabled = false;
}

async function change(path, body, done) {
  try {
    const settings = { method: "POST", headers: { "X-Token": token }, body: JSON.stringify(body) };
    const { changed, undo } = await ask(path, {}, settings);
    await refresh();
    tell(`${plural(changed, "conversation")} ${done}.`, changed && path !== "marks/undo" ? undo : null);
  } catch (error) {
    complain(error.message);
  }
}

function tell(text, undo) {
  told.replaceChildren(text);
  told.hidden = false;
  if (!undo) return;
  const button = element("button", "", "Undo");
  button.type = "button";
  button.addEventListener("click", () => change("marks/undo", { undo }, "as before"));
  told.append(" ", button);
  button.focus({ preventScroll: true });
}

// ---- moving

function turn(step) {
  if ((step > 0 ? next : previous).disabled) return false;
  return go({ start: Math.max(0, view.start + step * PAGE_SIZE) });
}

async function turnAndFocus(step) {
  const turning = turn(step);
  if (!turning) return;
  await turning;
  focusArticle(step > 0 ? 0 : -1);
}

async function turnByButton(step) {
  await turn(step);
  list.scrollIntoView();
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

/** The line, among all lines. */
function showLine(number) {
  clearTimeout(timer);
  wanted = { choice: {}, words: "", start: 0 };
  showAgain = () => showLine(number);
  return load(async (signal) => {
    const page = await ask("lines", { line: number }, { signal });
    wanted.start = page.conversations.length ? page.start : 0;
    reflect();
    view = { start: page.start, total: page.total, generation: page.generation, isCounted: true };
    fill(page.conversations);
    describePage(page);
    const article = byId(`line-${number}`);
    if (!article) throw new Error(`There is no line ${formatted(number)} yet; known so far: ${plural(page.total, "line")}.`);
    showAgain = showWanted;
    history.replaceState(null, "", `${addressOf(wanted)}#${article.id}`);
    article.focus({ preventScroll: true });
    article.scrollIntoView();
  });
}

function goToLine() {
  const number = Number(line.value.replace(/[\s,.]/g, ""));
  if (Number.isSafeInteger(number) && number > 0) {
    history.pushState(null, "", `${location.pathname}#line-${number}`);
    line.value = "";
    showLine(number);
  } else if (line.value) {
    complain("A line is a whole number from 1.");
  }
}

const clearFilters = () => go({ choice: {}, words: "" });

function foldOrUnfold() {
  unfolded.hidden = !unfolded.hidden;
  fold.setAttribute("aria-expanded", String(!unfolded.hidden));
  if (!unfolded.hidden) selects.querySelector("select")?.focus();
}

// ---- figures

function fact(name, value, detail = "") {
  const definition = element("dd", "", value);
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

/** A page of all lines that was not full is filled as lines come; any other stays as it is read. */
function followGrowth(before) {
  if (before && before.generation !== state.generation) {
    complain("");
    go({}, { replace: true });
  } else if (!isNarrowed() && state.generation === view.generation && state.lines > view.total) {
    if (list.children.length < PAGE_SIZE) refresh();
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
  f: foldOrUnfold,
  "/": () => free.focus(),
};

listenToKeys(KEYS, free, clearFilters);

previous.addEventListener("click", () => turnByButton(-1));
next.addEventListener("click", () => turnByButton(1));
fold.addEventListener("click", foldOrUnfold);
markAll.addEventListener("click", markAllWanted);
free.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(searchTyped, SEARCH_DELAY);
});

/** While words are being typed, the way back leads to what was shown before the first. */
function searchTyped() {
  const words = wordsOf(free.value).join(" ");
  if (words !== wanted.words) go({ words }, { replace: wanted.words !== "" });
}

line.addEventListener("change", goToLine);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (document.activeElement === free) searchTyped();
});
clear.addEventListener("click", clearFilters);
list.addEventListener("click", (event) => {
  const within = event.target.closest("a.within");
  if (!within || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  history.pushState(null, "", within.href);
  followAddress();
  scrollTo(0, 0);
});
window.addEventListener("popstate", () => followAddress());
new ResizeObserver(() => document.documentElement.style.setProperty("--toolbar", `${form.offsetHeight}px`)).observe(form);

listen();
followAddress(true);
