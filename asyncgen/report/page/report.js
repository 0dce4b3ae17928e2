"use strict";

// The sample of conversations: search, filters, pages and keys. The rest of the report needs no script.

const PAGE_SIZE = 10;

const sample = JSON.parse(document.getElementById("sample").textContent);
const form = document.getElementById("filters");
const free = document.getElementById("free");
const clear = document.getElementById("clear");
const list = document.getElementById("list");
const count = document.getElementById("count");
const position = document.getElementById("position");
const previous = document.getElementById("previous");
const next = document.getElementById("next");

const selects = []; // a select element, and what it asks of a conversation
let matches = sample.conversations;
let words = [];
let page = 0;

for (const conversation of sample.conversations) {
  const values = conversation.scenario.map((value, dimension) => valueOf(dimension, value));
  const texts = conversation.messages.map((message) => message.content);
  conversation.values = values.filter((value) => value !== null);
  conversation.haystack = [`line ${conversation.line}`, ...conversation.values, ...texts].join("\n").toLowerCase();
}

function valueOf(dimension, value) {
  return value === null ? null : sample.dimensions[dimension].values[value].value;
}

function option(label, value) {
  const made = element("option", "");
  appendText(made, label);
  made.value = value;
  return made;
}

function addSelect(name, options, test) {
  const select = element("select", "", option("all", ""), ...options);
  select.name = name;
  select.addEventListener("change", update);
  const label = element("span", "");
  appendText(label, name);
  clear.before(element("label", "", label, select));
  selects.push({ select, test });
}

function addDimension(dimension, number) {
  const groups = new Map();
  dimension.values.forEach(({ group, value }, position) => {
    if (!groups.has(group)) groups.set(group, []);
    groups.get(group).push(option(value, String(position)));
  });
  const options = [...groups].flatMap(([group, members]) => {
    if (!group) return members;
    const made = element("optgroup", "", ...members);
    made.label = group;
    return made;
  });
  addSelect(dimension.name, options, (each, value) => each.scenario[number] === Number(value));
}

function addFindings() {
  const options = [option("any finding", "any"), option("no finding", "none")];
  sample.rules.forEach((rule, number) => options.push(option(rule.name, String(number))));
  addSelect("finding", options, ({ findings }, value) => {
    if (value === "any") return findings.length > 0;
    if (value === "none") return findings.length === 0;
    return findings.includes(Number(value));
  });
}

function update() {
  words = free.value.toLowerCase().split(/\s+/).filter(Boolean);
  const active = selects.filter(({ select }) => select.value !== "");
  matches = sample.conversations.filter(
    (each) =>
      words.every((word) => each.haystack.includes(word)) && active.every(({ select, test }) => test(each, select.value)),
  );
  show(0);
}

function show(number) {
  page = number;
  const start = page * PAGE_SIZE;
  const shown = matches.slice(start, start + PAGE_SIZE);
  list.replaceChildren(...shown.map((each) => element("li", "", sampled(each))));
  const all = plural(sample.conversations.length, "sampled conversation");
  count.textContent = matches.length
    ? `${formatted(matches.length)} of ${all}`
    : `None of the ${all} is like that`;
  position.textContent = shown.length ? `${start + 1} to ${start + shown.length}` : "";
  previous.disabled = page === 0;
  next.disabled = start + PAGE_SIZE >= matches.length;
}

function sampled({ line, values, findings, messages, omitted = 0 }) {
  const rules = findings.map((number) => ({ text: sample.rules[number].name, tone: sample.rules[number].severity }));
  const tags = [...rules, ...values.map((text) => ({ text }))];
  const article = conversationElement({ heading: `Line ${formatted(line)}`, tags, messages }, words);
  article.id = `line-${line}`;
  if (omitted) article.append(element("p", "small", `and ${plural(omitted, "more message")} in the file`));
  return article;
}

function turn(step) {
  const number = page + step;
  if (number < 0 || number * PAGE_SIZE >= matches.length) return false;
  show(number);
  return true;
}

function turnAndFocus(step) {
  if (turn(step)) focusArticle(step > 0 ? 0 : -1);
}

function focusArticle(number) {
  list.querySelectorAll("article").item(number < 0 ? list.children.length + number : number)?.focus();
}

/** To the next or previous conversation, over the end of the page if need be. */
function step(by) {
  const wanted = placeOfNext(list, by);
  if (wanted === null) turnAndFocus(by);
  else focusArticle(wanted);
}

function clearFilters() {
  form.reset();
  update();
}

/** Links in the findings lead to a conversation, whatever page it is on. */
function followHash() {
  const line = Number(/^#line-(\d+)$/.exec(location.hash)?.[1]);
  if (!sample.conversations.some((each) => each.line === line)) return;
  clearFilters();
  const place = matches.findIndex((each) => each.line === line);
  show(Math.floor(place / PAGE_SIZE));
  const article = document.getElementById(`line-${line}`);
  article.scrollIntoView();
  article.focus({ preventScroll: true });
}

const KEYS = { j: () => step(1), k: () => step(-1), n: () => turnAndFocus(1), p: () => turnAndFocus(-1), "/": () => free.focus() };

listenToKeys(KEYS, free, clearFilters);

previous.addEventListener("click", () => turn(-1));
next.addEventListener("click", () => turn(1));
free.addEventListener("input", update);
form.addEventListener("submit", (event) => event.preventDefault());
clear.addEventListener("click", clearFilters);
window.addEventListener("hashchange", followHash);

sample.dimensions.forEach(addDimension);
if (sample.rules.length) addFindings();
document.getElementById("browser").hidden = false;
update();
followHash();
