import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { PUBLISHED, schemaFile, schemaText } from './schema-file.ts';

interface Schema {
  $id: string;
  properties: { spec: { properties: { items: { maxItems: number; items: Record<string, unknown> } } } };
  definitions?: {
    task: {
      oneOf: { required: string[] }[];
      properties: { loop?: { properties?: { max: { maximum: number } } } };
    };
  };
}

for (const published of PUBLISHED) {
  test(`schema file: the published ${published.name} is what the parser accepts today, and closes every object`, () => {
    const text = schemaText(published);
    const hint = 'run `node packages/client/src/schema-file.ts --write`';
    assert.equal(readFileSync(schemaFile(published), 'utf8'), text, hint);
    const schema = JSON.parse(text) as Schema;
    assert.equal(schema.$id, `https://waybill.dev/schema/${published.name}.json`);
    assert.deepEqual(openObjects(schema), []);
  });
}

test('schema file: it carries the limits, and that a task does exactly one thing', () => {
  const [run, flow] = PUBLISHED.map((published) => JSON.parse(schemaText(published)) as Schema);
  assert.equal(run?.properties.spec.properties.items.maxItems, 10_000);
  const { task } = flow?.definitions ?? {};
  assert.deepEqual(
    task?.oneOf.map(({ required }) => required),
    [['agent'], ['uses'], ['sequential'], ['parallel'], ['loop'], ['gate'], ['approval']],
  );
  assert.equal(task?.properties.loop?.properties?.max.maximum, 20);
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
