/** Measures the verification of one time stamp, made by openssl, next to the signatures in it. */
import { spawnSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { timestampRequest, verifyTimestamp } from '@waybill/verify';

const VERIFICATIONS = 2_000;
/** The signature of the token, and that of the authority's certificate. */
const SIGNATURES = 2;
const MESSAGE = Buffer.from('a checkpoint\n');

const CONFIG = `
[req]
prompt = no
distinguished_name = name
[name]
CN = bench
[tsa]
default_tsa = here
[here]
serial = serial
signer_cert = tsa.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
ess_cert_id_alg = sha256
`;

/** Prints the figures. */
export async function measureTimestamps(scratch: string, print: (line: string) => void): Promise<void> {
  const { tsr, root } = makeStamp(join(scratch, 'tsa'));
  const judge = (): Promise<unknown> => verifyTimestamp({ tsr, message: MESSAGE, roots: [root] });
  for (let n = 0; n < VERIFICATIONS / 10; n += 1) await judge();
  const startedMs = performance.now();
  for (let n = 0; n < VERIFICATIONS; n += 1) await judge();
  const eachMs = (performance.now() - startedMs) / VERIFICATIONS;
  const bareMs = timeSignature() * SIGNATURES;
  print(
    `verify a time stamp of ${tsr.length} bytes (P-256, one certificate): ${Math.round(1000 / eachMs).toLocaleString('en')} /s, ` +
      `${eachMs.toFixed(2)} ms each, ${(eachMs / bareMs).toFixed(1)} of its ${SIGNATURES} signatures (${bareMs.toFixed(2)} ms)`,
  );
}

function makeStamp(directory: string): { tsr: Uint8Array; root: Uint8Array } {
  mkdirSync(directory);
  const openssl = (...args: string[]): Buffer => {
    const { status, stdout, stderr } = spawnSync('openssl', args, { cwd: directory });
    if (status !== 0) throw new TypeError(`openssl ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  writeFileSync(join(directory, 'cnf'), CONFIG);
  writeFileSync(join(directory, 'tsq'), timestampRequest(MESSAGE, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)));
  const req = ['req', '-x509', '-nodes', '-config', 'cnf', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  openssl(...req, '-keyout', 'root.key', '-out', 'root.pem', '-addext', 'basicConstraints=critical,CA:TRUE');
  const purpose = ['-addext', 'extendedKeyUsage=critical,timeStamping'];
  openssl(...req, '-CA', 'root.pem', '-CAkey', 'root.key', '-keyout', 'tsa.key', '-out', 'tsa.pem', ...purpose);
  openssl('ts', '-reply', '-config', 'cnf', '-queryfile', 'tsq', '-out', 'tsr');
  const root = openssl('x509', '-in', 'root.pem', '-outform', 'DER');
  return { tsr: readFileSync(join(directory, 'tsr')), root };
}

function timeSignature(): number {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const publicKey = createPublicKey(privateKey);
  const message = Buffer.alloc(400, 7);
  const signature = sign('sha256', message, privateKey);
  const startedMs = performance.now();
  for (let n = 0; n < VERIFICATIONS; n += 1) verify('sha256', message, publicKey, signature);
  return (performance.now() - startedMs) / VERIFICATIONS;
}
