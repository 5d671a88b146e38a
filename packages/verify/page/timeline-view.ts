/** The timeline as a table: words for everyone, and bars beside them for those who see. */
import { element, shown, svgElement } from './elements.ts';
import type { Timeline, TimelineAttempt, TimelineItem } from './timeline.ts';

const PAGE_ROWS = 100;
/** Width of the drawing; the table stretches it. */
const AXIS = 1000;
const ROW_HEIGHT = 20;
/** An attempt that took no time is still seen. */
const MIN_BAR = 3;

export function timelineView(timeline: Timeline): HTMLElement {
  const body = element('tbody');
  const more = element('button', { type: 'button', class: 'quiet' });
  const filter = element('input', { type: 'checkbox', id: 'only-undone' });
  let rows: TimelineItem[] = [];
  let visible = 0;
  const showMore = (): void => {
    body.append(...rows.slice(visible, visible + PAGE_ROWS).map((item) => rowOf(item, timeline)));
    visible = Math.min(rows.length, visible + PAGE_ROWS);
    more.hidden = visible === rows.length;
    more.textContent = `Show ${Math.min(PAGE_ROWS, rows.length - visible)} more of ${rows.length - visible}`;
  };
  const start = (): void => {
    rows = timeline.items.filter(({ state }) => !filter.checked || state !== 'done');
    visible = 0;
    body.replaceChildren();
    showMore();
  };
  more.addEventListener('click', showMore);
  filter.addEventListener('change', start);
  start();
  const head = element(
    'tr',
    {},
    ...['Item', 'End', 'Attempts'].map((title) => element('th', { scope: 'col' }, title)),
    element('th', { scope: 'col', class: 'bars' }, axis(timeline)),
  );
  const table = element(
    'table',
    { class: 'timeline' },
    element('caption', {}, 'Thin lines are waiting, bars are attempts; the times are those of the operator.'),
    element('thead', {}, head),
    body,
  );
  return element(
    'div',
    {},
    element('label', { class: 'filter', for: 'only-undone' }, filter, ' Only items that are not done'),
    element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Timeline' }, table),
    more,
  );
}

function rowOf(item: TimelineItem, timeline: Timeline): HTMLElement {
  const state = element('span', { class: `state ${item.state}` }, shown(item.state));
  return element(
    'tr',
    {},
    element('th', { scope: 'row', class: 'mono' }, shown(item.id)),
    element('td', {}, state),
    element('td', {}, ...describe(item)),
    element('td', { class: 'bars' }, barsOf(item, timeline)),
  );
}

function describe(item: TimelineItem): HTMLElement[] {
  const lines = item.attempts.map((attempt) => {
    const why = ['ok', '', attempt.outcome].includes(attempt.reason) ? '' : `, ${attempt.reason}`;
    const took = attempt.endedMs === undefined ? '' : `, ${spanOf(attempt.endedMs - attempt.claimedMs)}`;
    const line = element('div', {}, shown(`${attempt.attempt}: ${attempt.outcome}${why}${took}`));
    line.append(...warningOf(attempt.isolation));
    return attempt.outputs.length === 0 ? line : element('div', {}, line, outputsOf(attempt));
  });
  if (lines.length > 0 && item.reusedFrom === '') return lines;
  const rest = shown(item.reason || 'never started');
  return [...lines, element('div', { class: 'dim' }, rest, ...warningOf(item.reusedFrom))];
}

function warningOf(isolation: string): (string | HTMLElement)[] {
  const says = { none: 'no sandbox', 'in-process': 'in the engine' }[isolation];
  return says === undefined ? [] : [' ', element('span', { class: 'warning' }, says)];
}

function outputsOf({ outputs }: TimelineAttempt): HTMLElement {
  const noun = outputs.length === 1 ? 'output' : 'outputs';
  const list = outputs.map(({ name, sha256, sizeBytes }) =>
    element(
      'li',
      {},
      element('span', {}, shown(name)),
      element('span', { class: 'dim' }, ` ${sizeBytes.toLocaleString('en')} bytes`),
      element('code', {}, shown(sha256)),
    ),
  );
  return element(
    'details',
    {},
    element('summary', {}, `${outputs.length} ${noun}`),
    element('ul', { class: 'outputs' }, ...list),
  );
}

function barsOf(item: TimelineItem, { startMs, endMs }: Timeline): SVGElement {
  const scale = AXIS / Math.max(1, endMs - startMs);
  const x = (ms: number): number => Math.min(AXIS, Math.max(0, (ms - startMs) * scale));
  const waits = item.readyMs.flatMap((readyMs, n) => {
    const until = item.attempts[n]?.claimedMs ?? endMs;
    return until > readyMs ? [span('wait', x(readyMs), x(until), ROW_HEIGHT / 2 - 1, 2)] : [];
  });
  const runs = item.attempts.map(({ claimedMs, endedMs, outcome }) =>
    span(`bar ${outcome}`, x(claimedMs), x(endedMs ?? endMs), 3, ROW_HEIGHT - 6),
  );
  const viewBox = `0 0 ${AXIS} ${ROW_HEIGHT}`;
  return svgElement('svg', { viewBox, preserveAspectRatio: 'none', 'aria-hidden': 'true' }, ...waits, ...runs);
}

function span(name: string, from: number, to: number, y: number, height: number): SVGElement {
  const width = Math.max(name === 'wait' ? 0 : MIN_BAR, to - from);
  return svgElement('rect', { class: name, x: Math.min(from, AXIS - width), y, width, height });
}

function axis({ startMs, endMs }: Timeline): HTMLElement {
  const totalMs = endMs - startMs;
  const ticks = [0, 0.5, 1].map((share) => element('span', {}, spanOf(totalMs * share)));
  return element(
    'span',
    { class: 'axis' },
    element('span', { class: 'unseen' }, 'Time from the first event: '),
    ...ticks,
  );
}

export function spanOf(ms: number): string {
  if (ms === 0) return '0';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
  return `${Math.floor(ms / 3_600_000)} h ${Math.round((ms % 3_600_000) / 60_000)} min`;
}
