/** A plan before it runs: its tree, its critical path, and the same graph as Mermaid. */
import type { Plan, PlanItem } from '@waybill/client/plan';
import type { Chain, PlanShape } from '../plan-shape.ts';
import { safeCell } from '../safe-text.ts';
import { counted, firstOf, formatDuration } from './measure.ts';
import { type Line, type Segment, toned } from './styled.ts';

/** What is known of a plan before its source is packed. */
export interface Sketch extends Pick<Plan, 'name' | 'items'> {
  /** Absent: that of the run which the items are added to. */
  queue?: string;
  /** Of a flow: the path of the task that each item comes from, in the order of the items. */
  origins: readonly string[] | null;
}

const MAX_INDENT = 12;
const SHOWN_CHAIN = 8;
const MAX_ORIGIN = 200;
/** `sha256:` and twelve digits. */
const SHOWN_DIGEST = 19;

function blockText(item: PlanItem): string {
  const { gate } = item;
  if (gate !== undefined) return `gate(${gate.approvals} of ${Math.max(1, gate.reviewers.length)})`;
  return item.pipeline
    .map((block) => {
      if (block.block === 'script') return block.lens === undefined ? 'script' : `script(${block.lens})`;
      return block.block === 'agent' ? `agent(${block.adapter})` : `capture(${block.what})`;
    })
    .join(' ');
}

function eachText({ from, outputs, max }: NonNullable<PlanItem['forEach']>): string {
  return `once for each ${safeCell(outputs)}… of ${safeCell(from)}, at most ${max}`;
}

function factsOf(item: PlanItem): Segment[] {
  const locks = item.locks.map(({ name, mode }) => (mode === 'shared' ? `${safeCell(name)}*` : safeCell(name)));
  const needs = item.needs.map(({ key }) => safeCell(key));
  const facts = [
    ...(item.shape === undefined ? [] : [`${item.shape.name} (${item.shape.shape.slice(0, SHOWN_DIGEST)})`]),
    blockText(item),
    ...(needs.length > 0 ? [`needs ${firstOf(needs)}`] : []),
    ...(locks.length > 0 ? [`locks ${firstOf(locks)}`] : []),
    ...(item.forEach === undefined ? [] : [eachText(item.forEach)]),
    ...(item.when === undefined ? [] : ['on a condition']),
    ...(item.onError === undefined ? [] : ['may fail']),
    ...(item.retry.maxAttempts > 1 ? [`up to ${item.retry.maxAttempts} attempts`] : []),
  ];
  return [toned('quiet', facts.join('; '))];
}

function treeLines(plan: Sketch, shape: PlanShape): Line[] {
  const items = new Map(plan.items.map((item, n) => [item.id, { item, origin: plan.origins?.[n] }]));
  const named = shape.tree.map(({ id, depth, also }) => ({
    name: `${'  '.repeat(Math.min(depth, MAX_INDENT))}${safeCell(id)}`,
    about: items.get(id),
    also: also.map((dep) => safeCell(dep)),
  }));
  const width = Math.min(40, Math.max(...named.map(({ name }) => name.length)));
  return named.map(({ name, about, also }) => [
    name.padEnd(width),
    '  ',
    ...(about === undefined ? [] : factsOf(about.item)),
    ...(also.length > 0 ? [toned('quiet', `; also after ${firstOf(also)}`)] : []),
    ...(about?.origin === undefined ? [] : [toned('quiet', `; from ${safeCell(about.origin, MAX_ORIGIN)}`)]),
  ]);
}

function chainText({ ids, timeoutMs, unbounded }: Chain): string {
  const shown =
    ids.length <= SHOWN_CHAIN
      ? ids.map((id) => safeCell(id)).join(' -> ')
      : `${safeCell(ids[0] ?? '')} -> … ${ids.length - 2} more … -> ${safeCell(ids.at(-1) ?? '')}`;
  const people = unbounded === undefined ? '' : ' and what people take';
  return `${counted(ids.length, 'item')}, at most ${formatDuration(timeoutMs)}${people}: ${shown}`;
}

export function planLines(plan: Sketch, shape: PlanShape): Line[] {
  const edges = plan.items.reduce((sum, { deps }) => sum + deps.length, 0);
  const widest = shape.levels.reduce((most, level) => Math.max(most, level.length), 0);
  const head: Line = [
    toned('strong', safeCell(plan.name)),
    `  ${counted(plan.items.length, 'item')}, ${counted(edges, 'edge')}, `,
    `${counted(shape.levels.length, 'level')}, up to ${widest} side by side`,
    plan.queue === undefined ? '' : `, queue ${safeCell(plan.queue)}`,
  ];
  return [
    head,
    [],
    ...treeLines(plan, shape),
    [],
    [toned('quiet', 'longest chain  '), chainText(shape.longest)],
    [toned('quiet', 'critical path  '), chainText(shape.slowest), toned('quiet', ' (one attempt each, by timeout)')],
  ];
}

/** Of items that are to be added to a run: what only that run can say. */
export function laterLines(named: readonly string[]): Line[] {
  const ids = firstOf(
    named.map((id) => safeCell(id)),
    named.length,
  );
  const mustHave = named.length === 0 ? '' : `it must have ${ids}; `;
  const text = `${mustHave}their defaults, free ids, room and toolchains are seen when \`waybill extend\` adds them`;
  return [[toned('quiet', 'with the run  '), text]];
}

/** Ids are names of the spec's alphabet, but Mermaid has reserved words: nodes are numbered and ids are their labels. */
export function mermaidText(plan: Sketch): string {
  const node = new Map(plan.items.map(({ id }, index) => [id, `n${index}`]));
  const label = (id: string): string => safeCell(id).replace(/[^a-zA-Z0-9._~-]/g, '_');
  const nodes = plan.items.map(({ id }) => `  ${node.get(id)}["${label(id)}"]`);
  const edges = plan.items.flatMap((item) => {
    const handed = new Map(item.needs.flatMap(({ key, from }) => from.map((id) => [id, key])));
    return item.deps.map((dep) => {
      const key = handed.get(dep);
      return `  ${node.get(dep)} -->${key === undefined ? '' : `|${label(key)}|`} ${node.get(item.id)}`;
    });
  });
  return `${['flowchart LR', ...nodes, ...edges].join('\n')}\n`;
}
