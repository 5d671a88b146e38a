/** What an operator says of money, in spending.json or in the properties of a deployment. */
import { MAX_MICRO_USD } from '@waybill/verify';
import { type DocumentKind, DocumentReader } from '#core/document-reader.ts';
import { Mistakes } from '#core/mistakes.ts';
import type { Caps } from '#core/money-rows.ts';
import { MODEL_NAME } from '#core/names.ts';
import type { ModelPrice, PriceTable } from '#core/price-table.ts';
import { DEFAULT_CAPS } from '#core/purse.ts';

export const SPENDING_FIX = 'docs/how-to/cap-the-spend.md says how caps and prices are set.';

/** Of one price: a thousand dollars. */
const MAX_PRICE = 1_000_000_000;
const MAX_MODELS = 200;
const VERSION = /^[!-~]{1,64}$/;

export interface Spending {
  caps: Caps;
  prices: PriceTable;
}

/** What is not said is as in `prices`, and as the account is capped without a word. Throws TerminalError USAGE with the paths of all that is wrong. */
export function readSpending(document: unknown, name: string, prices: PriceTable): Spending {
  const kind: DocumentKind = { code: 'USAGE', name, fix: SPENDING_FIX };
  const root = new DocumentReader(document, name, kind);
  const mistakes = new Mistakes();
  const caps = mistakes.reading(() => (root.has('caps') ? readCaps(root.object('caps')) : DEFAULT_CAPS));
  const table = mistakes.reading(() => (root.has('prices') ? readPrices(root.object('prices'), prices) : prices));
  settle(mistakes, root);
  return { caps: caps as Caps, prices: table as PriceTable };
}

function readCaps(reader: DocumentReader): Caps {
  const mistakes = new Mistakes();
  const cap = (key: keyof Caps): number | undefined =>
    mistakes.reading(() => (reader.has(key) ? reader.integer(key, 1, MAX_MICRO_USD) : undefined));
  const [account, month, day] = [cap('accountMicroUsd'), cap('monthMicroUsd'), cap('dayMicroUsd')];
  settle(mistakes, reader);
  return {
    accountMicroUsd: account ?? DEFAULT_CAPS.accountMicroUsd,
    ...(month === undefined ? {} : { monthMicroUsd: month }),
    ...(day === undefined ? {} : { dayMicroUsd: day }),
  };
}

/** A table that differs in anything has a version of its own. */
function readPrices(reader: DocumentReader, given: PriceTable): PriceTable {
  const mistakes = new Mistakes();
  const price = (key: 'vCpuHourMicroUsd' | 'gbHourMicroUsd' | 'agentMicroUsd'): number =>
    mistakes.reading(() => (reader.has(key) ? reader.integer(key, 0, MAX_PRICE) : undefined)) ?? given[key];
  const table = {
    version: mistakes.reading(() => reader.string('version', 64, VERSION)) as string,
    models: mistakes.reading(() => (reader.has('models') ? readModels(reader) : undefined)) ?? given.models,
    vCpuHourMicroUsd: price('vCpuHourMicroUsd'),
    gbHourMicroUsd: price('gbHourMicroUsd'),
    ...(given.leastMs === undefined ? {} : { leastMs: given.leastMs }),
    agentMicroUsd: price('agentMicroUsd'),
  };
  settle(mistakes, reader);
  return table;
}

/** Instead of those that are given. Without one there would be no dearest price for a model that is not named. */
function readModels(reader: DocumentReader): PriceTable['models'] {
  const models = reader.object('models');
  const names = models.unread();
  if (names.length === 0 || names.length > MAX_MODELS)
    reader.refuse('models', `names none, or more than ${MAX_MODELS}`);
  const mistakes = new Mistakes();
  const read = names.map((name) => {
    mistakes.reading(() => MODEL_NAME.test(name) || models.refuse(name, 'is not the name of a model'));
    return [name, mistakes.reading(() => readModel(models.object(name)))] as [string, ModelPrice];
  });
  mistakes.settle();
  return Object.fromEntries(read);
}

function readModel(reader: DocumentReader): ModelPrice {
  const mistakes = new Mistakes();
  const price = (key: keyof ModelPrice): number => mistakes.reading(() => reader.integer(key, 0, MAX_PRICE)) as number;
  const model = {
    inputMicroUsd: price('inputMicroUsd'),
    outputMicroUsd: price('outputMicroUsd'),
    cachedMicroUsd: price('cachedMicroUsd'),
  };
  settle(mistakes, reader);
  return model;
}

function settle(mistakes: Mistakes, reader: DocumentReader): void {
  mistakes.unknownKeys(reader);
  mistakes.settle();
}
