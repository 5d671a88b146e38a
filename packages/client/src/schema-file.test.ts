import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { SCHEMA_FILE, schemaText } from './schema-file.ts';

interface Schema {
  $id: string;
  properties: { spec: { properties: { items: { maxItems: number; items: Record<string, unknown> } } } };
}

test('schema file: the published schema is what the parser accepts today', () => {
  assert.equal(
    readFileSync(SCHEMA_FILE, 'utf8'),
    schemaText(),
    'run `node packages/client/src/schema-file.ts --write`',
  );
});

test('schema file: it has its id, closes every object and carries the limits', () => {
  const schema = JSON.parse(schemaText()) as Schema;
  assert.equal(schema.$id, 'https://waybill.dev/schema/run-v1.json');
  const { items } = schema.properties.spec.properties;
  assert.equal(items.maxItems, 10_000);
  const open = openObjects(schema);
  assert.deepEqual(open, []);
});

/** Objects with named properties that would let unknown ones pass. */
function openObjects(root: object): object[] {
  const found: object[] = [];
  const rest: object[] = [root];
  for (let node = rest.pop(); node !== undefined; node = rest.pop()) {
    if ('properties' in node && 'type' in node && !('additionalProperties' in node)) found.push(node);
    rest.push(...Object.values(node).filter((child) => typeof child === 'object' && child !== null));
  }
  return found;
}
