// The page of `unosql browse`, and of the site's tab Your board. What it shows is in the address behind #, so that Back works.
import { FORMS, ask, file } from './transport.js';

const $ = (id) => document.getElementById(id);
const DEFAULTS = { db: '0', collection: '', tab: 'records', where: '', order: '', skip: '0', size: '50', x: '', y: '', by: '' };
let databases = [];
let state = { ...DEFAULTS };
let page = { total: 0, rows: [], columns: [] };
let known = {}; // columns by collection, for the chart
let asked = 0; // the newest request: answers to earlier ones are dropped
let plot = null;

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key in made && key !== 'list') made[key] = value; else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function tell(error) {
  $('error').hidden = !error;
  $('error').textContent = error ? error.message : '';
}

// -- the address

function go(changes) {
  const next = { ...state, ...changes };
  const changed = Object.entries(next).filter(([key, value]) => value !== DEFAULTS[key]);
  location.hash = new URLSearchParams(changed);
}

function read() {
  state = { ...DEFAULTS, ...Object.fromEntries(new URLSearchParams(location.hash.slice(1))) };
  const database = databases[state.db] || databases[0];
  if (!database.collections.some((one) => one.name === state.collection)) {
    state.collection = database.collections.length ? database.collections[0].name : '';
  }
  return database;
}

// -- what stands around

function frame(database) {
  document.title = `${database.name} · unosql`;
  $('label').textContent = database.label;
  $('database').value = state.db;
  $('collections').replaceChildren(...database.collections.map((one) => {
    const link = element('a', { href: `#${new URLSearchParams({ db: state.db, collection: one.name, tab: state.tab })}` },
      one.name, element('small', {}, one.records.toLocaleString()));
    if (one.name === state.collection) link.setAttribute('aria-current', 'page');
    return link;
  }));
  for (const tab of document.querySelectorAll('[role=tab]')) {
    tab.setAttribute('aria-selected', tab.dataset.tab === state.tab);
    $(tab.dataset.tab).hidden = tab.dataset.tab !== state.tab;
  }
  $('filter').hidden = state.tab === 'structure';
  $('where').value = state.where;
  $('size').value = state.size;
}

// -- records

const subject = () => ({ collection: state.collection, where: state.where });

async function records() {
  page = await ask(`${state.db}/records`, { ...subject(), order: state.order, skip: state.skip, limit: state.size });
  known[state.collection] = [...new Set([...(known[state.collection] || []), ...page.columns])];
  document.querySelector('#scroll thead').replaceChildren(element('tr', {}, ...page.columns.map(heading)));
  document.querySelector('#scroll tbody').replaceChildren(...page.rows.map(row));
  $('scroll').scrollTop = 0;
  const last = page.skip + page.rows.length;
  $('position').textContent = page.rows.length
    ? `${(page.skip + 1).toLocaleString()}–${last.toLocaleString()} of ${page.total.toLocaleString()}` : `none of ${page.total.toLocaleString()}`;
  for (const button of document.querySelectorAll('[data-go]')) {
    button.disabled = ['first', 'previous'].includes(button.dataset.go) ? page.skip === 0 : last >= page.total;
  }
}

function heading(name) {
  const way = state.order === name ? 'ascending' : state.order === `-${name}` ? 'descending' : 'none';
  const mark = { ascending: ' ▲', descending: ' ▼', none: '' }[way];
  const next = { none: name, ascending: `-${name}`, descending: '' }[way];
  return element('th', { scope: 'col', 'aria-sort': way },
    element('button', { type: 'button', title: `sort by ${name}`, onclick: () => go({ order: next, skip: '0' }) }, name + mark));
}

const text = (value) => (typeof value === 'string' ? value : JSON.stringify(value));

function cell(record, name) {
  if (!(name in record)) return element('td', { className: 'absent' }, '·');
  return element('td', { className: typeof record[name] === 'number' ? 'number' : '', title: text(record[name]) }, text(record[name]));
}

function row(record) {
  const made = element('tr', { tabIndex: 0 }, ...page.columns.map((name) => cell(record, name)));
  made.addEventListener('click', () => open(record.id));
  made.addEventListener('keydown', (event) => { if (event.key === 'Enter') open(record.id); });
  return made;
}

function turn(where) {
  const size = Number(state.size);
  const last = Math.max(0, Math.floor((page.total - 1) / size) * size);
  const skip = { first: 0, previous: page.skip - size, next: page.skip + size, last }[where];
  go({ skip: String(Math.min(Math.max(0, skip), last)) });
}

async function open(id) {
  try {
    const versions = await ask(`${state.db}/history`, { collection: state.collection, id });
    $('which').textContent = `${state.collection} ${id}`;
    $('versions').replaceChildren(...versions.flatMap((version, i) => [
      element('h3', {}, i ? `Version ${version.version}` : `Version ${version.version}, now`), fields(version, versions[i + 1])]));
    $('record').showModal();
  } catch (error) {
    tell(error);
  }
}

function fields(record, before) {
  return element('table', {}, ...Object.keys(record).map((name) => {
    const isChanged = before && JSON.stringify(record[name]) !== JSON.stringify(before[name]);
    return element('tr', { className: isChanged ? 'changed' : '' }, element('th', { scope: 'row' }, name),
      element('td', {}, typeof record[name] === 'object' ? JSON.stringify(record[name], null, 2) : text(record[name])));
  }));
}

// -- the chart

async function chart() {
  if (!known[state.collection]) {
    known[state.collection] = (await ask(`${state.db}/records`, { collection: state.collection, limit: 20 })).columns;
  }
  const names = known[state.collection];
  const x = state.x || (names.includes('timestamp') ? 'timestamp' : 'id');
  const ys = state.y ? state.y.split(',') : [];
  options($('x'), names, [x]);
  options($('y'), names, ys);
  options($('by'), ['', ...names], [state.by]);
  if (plot) plot.destroy();
  plot = null;
  $('plot').replaceChildren();
  if (!ys.length) {
    $('plot').append(element('p', { className: 'quiet' }, 'Choose what goes up: one field, or several.'));
    return;
  }
  draw(await ask(`${state.db}/chart`, { ...subject(), x, y: ys.join(','), by: state.by }));
}

function options(select, names, chosen) {
  select.replaceChildren(...names.map((name) => element('option', { value: name, selected: chosen.includes(name) }, name || '—')));
}

const COLOURS = ['#1a73e8', '#e8710a', '#188038', '#a142f4', '#d93025', '#12858d', '#b06000', '#9334e6', '#5f6368', '#c5221f', '#0d652d', '#174ea6'];

// Labels of times as ISO 8601 has them: seconds between two, and what a label shows there, with the day below where that is another one.
const DAY = '\n{YYYY}-{MM}-{DD}';
const LABELS = [
  [3600 * 24 * 365, '{YYYY}', null, null, null, null, null, null, 1],
  [3600 * 24 * 28, '{YYYY}-{MM}', null, null, null, null, null, null, 1],
  [3600 * 24, '{MM}-{DD}', '\n{YYYY}', null, null, null, null, null, 1],
  [60, '{HH}:{mm}', DAY, null, DAY, null, null, null, 1],
  [1, '{HH}:{mm}:{ss}', DAY, null, DAY, null, null, null, 1],
  [0.001, '{HH}:{mm}:{ss}.{fff}', DAY, null, DAY, null, null, null, 1],
];

function draw(found) {
  const data = uPlot.join(found.lines.map((line) => [line.x, line.y]));
  const ink = getComputedStyle(document.body).color;
  const axis = { stroke: ink, grid: { stroke: 'rgba(128,128,128,0.2)' }, ticks: { stroke: 'rgba(128,128,128,0.4)' } };
  plot = new uPlot({
    width: Math.max(260, $('plot').clientWidth), height: Math.max(220, Math.min(480, innerHeight - 320)),
    scales: { x: { time: found.time } }, axes: [found.time ? { ...axis, values: LABELS } : axis, axis],
    ...(found.zone != 'local' && { tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), found.zone || 'UTC') }),
    series: [found.time ? { value: '{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}' } : {}, ...found.lines.map((line, i) => ({ label: line.label, stroke: COLOURS[i % COLOURS.length], width: 1.5, spanGaps: true }))],
  }, data, $('plot'));
}

// -- the structure

async function structure() {
  const facts = await ask(`${state.db}/structure`);
  const { collections, levels, flash, ...rest } = facts;
  const parts = [table([], Object.entries(rest).map(([name, value]) => [name, text(value)]))];
  if (flash) parts.push(element('h2', {}, 'Flash and wear'), ...wear(flash));
  if (collections) {
    parts.push(element('h2', {}, 'Collections'), table(['collection', 'records', 'next id', 'options', 'indexes'], collections.map((one) => [
      one.name, one.records, one['next id'], JSON.stringify(one.options),
      one.indexes.map((index) => index.keys.join(' + ') + (index.unique ? ', unique' : '') + (index.where ? `, where ${JSON.stringify(index.where)}` : '')).join('; ') || '—'])));
  }
  if (levels) {
    parts.push(element('h2', {}, 'Segments'), table(['level', 'segment', 'bytes', 'partly merged'], levels.flatMap((level, depth) =>
      level.map((one) => [depth, one.number.toString(16).padStart(7, '0'), one.bytes.toLocaleString(), one['partly merged'] ? 'yes' : '']))));
  }
  $('structure').replaceChildren(...parts);
}

function wear(flash) {
  const { map, ...rest } = flash;
  const cells = [...map].map((kind) => element('i', { className: kind === '-' ? 'freed' : kind === '.' ? '' : kind }));
  const picture = element('div', { className: 'map', role: 'img', 'aria-label': 'Erase blocks' }, ...cells);
  return [table([], Object.entries(rest)), picture, element('p', { className: 'quiet' },
    'An erase block each: blue holds records, green the log of writes, violet the manifest, orange another database; outlined: freed; grey: the rest.')];
}

function table(names, rows) {
  return element('table', {}, ...(names.length ? [element('thead', {}, element('tr', {}, ...names.map((name) => element('th', { scope: 'col' }, name))))] : []),
    element('tbody', {}, ...rows.map((cells) => element('tr', {}, ...cells.map((value, i) =>
      (i ? element('td', {}, String(value)) : element('th', { scope: 'row' }, String(value))))))));
}

// -- together

const TABS = { records, chart, structure };

async function show() {
  const mine = ++asked;
  const database = read();
  frame(database);
  tell(null);
  document.body.setAttribute('aria-busy', 'true');
  try {
    if (state.collection || state.tab === 'structure') await TABS[state.tab]();
  } catch (error) {
    if (mine === asked) tell(error);
  } finally {
    if (mine === asked) document.body.setAttribute('aria-busy', 'false');
  }
}

function listen() {
  addEventListener('hashchange', show);
  $('filter').addEventListener('submit', (event) => { event.preventDefault(); go({ where: $('where').value, skip: '0' }); });
  $('where').addEventListener('search', () => { if (!$('where').value && state.where) go({ where: '', skip: '0' }); });
  $('size').addEventListener('change', () => go({ size: $('size').value, skip: '0' }));
  $('database').addEventListener('change', () => { location.hash = new URLSearchParams({ db: $('database').value }); });
  $('axes').addEventListener('change', () => go({ x: $('x').value, by: $('by').value, y: [...$('y').selectedOptions].map((one) => one.value).join(',') }));
  $('export').addEventListener('change', () => exported($('export').value));
  for (const tab of document.querySelectorAll('[role=tab]')) tab.addEventListener('click', () => go({ tab: tab.dataset.tab }));
  for (const button of document.querySelectorAll('[data-go]')) button.addEventListener('click', () => turn(button.dataset.go));
  addEventListener('keydown', keys);
  addEventListener('resize', () => { if (plot) plot.setSize({ width: Math.max(260, $('plot').clientWidth), height: plot.height }); });
}

async function exported(form) {
  $('export').value = '';
  if (!form) return;
  try {
    const content = await file(`${state.db}/export`, { ...subject(), order: state.order, form });
    const link = element('a', { href: URL.createObjectURL(content), download: `${state.collection}.${form}` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  } catch (error) {
    tell(error);
  }
}

function keys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $('record').open) return;
  if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) {
    if (event.key === 'Escape') event.target.blur();
    return;
  }
  const act = {
    '/': () => $('where').focus(), j: () => step(1), k: () => step(-1), ArrowDown: () => step(1), ArrowUp: () => step(-1),
    ArrowRight: () => turn('next'), ArrowLeft: () => turn('previous'), Home: () => turn('first'), End: () => turn('last'),
    1: () => go({ tab: 'records' }), 2: () => go({ tab: 'chart' }), 3: () => go({ tab: 'structure' }),
  }[event.key];
  if (act) { event.preventDefault(); act(); }
}

function step(by) {
  const rows = [...document.querySelectorAll('#scroll tbody tr')];
  const at = rows.indexOf(document.activeElement);
  const next = rows[at < 0 ? 0 : Math.min(Math.max(0, at + by), rows.length - 1)];
  if (next) next.focus();
}

async function start() {
  listen();
  $('export').append(...FORMS.map((form) => element('option', {}, form)));
  try {
    databases = await ask('databases');
    $('choose').hidden = databases.length < 2;
    $('database').replaceChildren(...databases.map((one, i) => element('option', { value: String(i) }, one.name)));
    await show();
  } catch (error) {
    tell(error);
  }
}

start();
