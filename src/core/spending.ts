/** What an operator says of money, in spending.json or in the properties of a deployment. */
import { MAX_MICRO_USD } from '@waybill/verify';
import { type DocumentKind, DocumentReader } from '#core/document-reader.ts';
import { Mistakes } from '#core/mistakes.ts';
import type { Caps } from '#core/money-rows.ts';
import type { ModelPrice, PriceTable } from '#core/price-table.ts';
import { DEFAULT_CAPS } from '#core/purse.ts';

export const SPENDING_FIX = 'docs/how-to/cap-the-spend.md says how caps and prices are set.';

/** Of one price: a thousand dollars. */
const MAX_PRICE = 1_000_000_000;
const MAX_MODELS = 200;
const MODEL = /^[!-~]{1,128}$/;
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
  for (const key of root.unread()) mistakes.reading(() => root.refuse(key, 'is not a known key'));
  mistakes.settle();
  return { caps: caps ?? DEFAULT_CAPS, prices: table ?? prices };
}

function readCaps(reader: DocumentReader): Caps {
  const cap = (key: keyof Caps): number => reader.integer(key, 1, MAX_MICRO_USD);
  return reader.close({
    accountMicroUsd: reader.has('accountMicroUsd') ? cap('accountMicroUsd') : DEFAULT_CAPS.accountMicroUsd,
    ...(reader.has('monthMicroUsd') ? { monthMicroUsd: cap('monthMicroUsd') } : {}),
    ...(reader.has('dayMicroUsd') ? { dayMicroUsd: cap('dayMicroUsd') } : {}),
  });
}

/** A table that differs in anything has a version of its own. */
function readPrices(reader: DocumentReader, given: PriceTable): PriceTable {
  const price = (key: 'vCpuHourMicroUsd' | 'gbHourMicroUsd' | 'agentMicroUsd'): number =>
    reader.has(key) ? reader.integer(key, 0, MAX_PRICE) : given[key];
  return reader.close({
    version: reader.string('version', 64, VERSION),
    models: reader.has('models') ? readModels(reader) : given.models,
    vCpuHourMicroUsd: price('vCpuHourMicroUsd'),
    gbHourMicroUsd: price('gbHourMicroUsd'),
    ...(given.leastMs === undefined ? {} : { leastMs: given.leastMs }),
    agentMicroUsd: price('agentMicroUsd'),
  });
}

/** Instead of those that are given. Without one there would be no dearest price for a model that is not named. */
function readModels(reader: DocumentReader): PriceTable['models'] {
  const models = reader.object('models');
  const names = models.unread();
  if (names.length === 0 || names.length > MAX_MODELS)
    reader.refuse('models', `names none, or more than ${MAX_MODELS}`);
  return Object.fromEntries(
    names.map((name): [string, ModelPrice] => {
      if (!MODEL.test(name)) models.refuse(name, 'is not the name of a model');
      const model = models.object(name);
      const price = (key: keyof ModelPrice): number => model.integer(key, 0, MAX_PRICE);
      const read = {
        inputMicroUsd: price('inputMicroUsd'),
        outputMicroUsd: price('outputMicroUsd'),
        cachedMicroUsd: price('cachedMicroUsd'),
      };
      return [name, model.close(read)];
    }),
  );
}
