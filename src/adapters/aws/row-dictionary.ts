/**
 * What rows of events and seals have in common, for deflate to point to. It is part of how rows are stored: a text that was
 * deflated with it is only read with it, so it never changes, and another would need another first byte (row-body.ts).
 */
const STATEMENT = '"payload":"\u0001{"_type":"https://in-toto.io/Statement/v1","predicate":{';
const SIGNED =
  '\u0002","payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":"","sig":"MEUCIQDMEYCIQCMEQCI"}]}]}';
const LINE = '\\"origin\\":\\"","run\\":\\"\\",\\"salt\\":\\"\\",\\"seq\\":","tail":",\\"type\\":\\"';

export const ROW_DICTIONARY: Uint8Array = Buffer.from(
  [
    `{"envelope":{${STATEMENT}"completedAt":"2026-","counts":{"attempts":1,"cancelled":0,"denied":0,"done":1,"failed":0,`,
    '"items":1,"retries":0,"skipped":0,"unsandboxed":0},"openedAt":"2026-","openedIndex":,"origin":"","plan":"sha256:',
    '","root":"sha256:","run":"","runSeq":,"sealedAt":"2026-","size":,"state":"done","submission":"sha256:"},',
    '"predicateType":"https://waybill.dev/attestation/run-seal/v1","subject":[{"digest":{"sha256":""},"name":"run/"}]}',
    '\\"locks\\":[]},{\\"attempt\\":1,\\"epoch\\":1,\\"id\\":\\"","type\\":\\"attempt.claimed\\",\\"v\\":1}"}',
    '{"head":"{\\"at\\":\\"2026-11-21T16:29:21.815Z\\",\\"data\\":{\\"attempt\\":1,\\"id\\":\\"',
    '\\",\\"isolation\\":\\"container\\",\\"item\\":\\"\\",\\"manifest\\":\\"sha256:\\"},',
    `${LINE}attempt.dispatched\\",\\"v\\":1}","envelopes":[{${STATEMENT}`,
    '"attempt":1,"attemptId":"","epoch":1,"executable":"sha256:","expiresAt":"2026-11-21T16:56:21.515Z","inputs":[],',
    '"isolation":"container","issuedAt":"2026-","item":"","job":"sha256:","locks":[],"nonce":"","origin":"","plan":"sha256:',
    '","run":"","source":{"bundle":"sha256:","commit":"","kind":"none"},"spec":"sha256:","timeoutMs":900000},',
    '"predicateType":"https://waybill.dev/attestation/dispatch/v1","subject":[{"digest":{"sha256":""},"name":"attempt/"}]}',
    SIGNED,
    '{"head":"{\\"at\\":\\"2026-11-21T16:30:34.274Z\\",\\"data\\":{\\"attempt\\":1,\\"attestations\\":[\\"sha256:\\"],',
    '\\"claimed\\":{\\"blocks\\":[{\\"block\\":\\"agent\\",\\"endedAt\\":\\"2026-\\"block\\":\\"script\\",\\"endedAt\\":\\"2026-',
    'Z\\",\\"exit\\":0,\\"index\\":0,\\"startedAt\\":\\"2026-Z\\"},{\\"block\\":\\"capture\\",\\"endedAt\\":\\"2026-',
    'Z\\",\\"exit\\":0,\\"index\\":1,\\"startedAt\\":\\"2026-Z\\"}],\\"exit\\":0,\\"outcome\\":\\"failed\\",\\"outcome\\":\\"succeeded\\",',
    '\\"reason\\":\\"ok\\",\\"worker\\":\\"sha256:\\"},\\"epoch\\":1,\\"exit\\":null,\\"id\\":\\"\\",\\"item\\":\\"\\",\\"next\\":\\"done\\",',
    '\\"outcome\\":\\"succeeded\\",\\"outputs\\":[{\\"kind\\":\\"patch\\",\\"name\\":\\"patch\\",{\\"kind\\":\\"output\\",\\"name\\":\\"outputs/',
    '\\",\\"sha256\\":\\"sha256:\\",\\"sizeBytes\\":},{\\"kind\\":\\"log\\",\\"name\\":\\"log\\",\\"sha256\\":\\"sha256:\\",\\"sizeBytes\\":',
    '}],\\"reason\\":\\"ok\\",\\"result\\":\\"sha256:\\",\\"spent\\":false},',
    `${LINE}attempt.settled\\",\\"v\\":1}","envelopes":[{${STATEMENT}`,
    '"buildDefinition":{"buildType":"https://waybill.dev/build/attempt/v1","externalParameters":{"item":"","plan":"sha256:',
    '","spec":"sha256:"},"internalParameters":{"attempt":1,"attemptId":"","isolation":"container","origin":"',
    '","outcome":"succeeded","run":""},"resolvedDependencies":[{"digest":{"sha256":""},"name":"manifest"},{"digest":{"sha256":"',
    '"},"name":"executable"},{"digest":{"sha256":""},"name":"source"},{"digest":{"sha256":""},"name":"input/"}]},',
    '"runDetails":{"builder":{"id":"https://waybill.dev/builder/v1#container"},"byproducts":[{"digest":{"sha256":"',
    '"},"name":"log"}],"metadata":{"finishedOn":"2026-","invocationId":"","startedOn":"2026-"}}},"predicateType":',
    '"https://slsa.dev/provenance/v1","subject":[{"digest":{"sha256":""},"name":"outputs/"}]}',
    SIGNED,
  ].join(''),
);
