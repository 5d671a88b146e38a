import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STAGES } from '#core/stages.ts';
import { productionProps, waybill } from './deployment.ts';

/** Verification is whoever has the bundle; nothing of it is deployed. */
const NOT_DEPLOYED = 'verify';

test('stages: each is the name of a construct, but the one that happens elsewhere', () => {
  const ids = waybill(productionProps())
    .node.findAll()
    .map(({ node }) => node.id.toLowerCase());
  assert.deepEqual(
    STAGES.filter((stage) => !ids.includes(stage)),
    [NOT_DEPLOYED],
  );
});
