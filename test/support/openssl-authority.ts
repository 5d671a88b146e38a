/**
 * A certificate authority and time-stamping authorities that are openssl: independent of the verifier's code in every
 * byte. All keys are made when a test runs and lie in a directory of their own under the system's temporary one.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type KeyType = 'P-256' | 'P-384' | 'P-521' | 'rsa:1024' | 'rsa:2048' | 'rsa:3072';
export type HashName = 'sha1' | 'sha256' | 'sha384' | 'sha512';

export interface Credential {
  name: string;
  der: Buffer;
  /** PEM files. */
  certificate: string;
  key: string;
}

export interface CredentialRequest {
  key?: KeyType;
  hash?: HashName;
  /** Whose key it gets; a new one when absent. */
  keyOf?: Credential;
  /** Who signs it; itself when absent. */
  by?: Credential;
  days?: number;
  /** `basicConstraints=…`, as `openssl req -addext` takes them. */
  extensions?: readonly string[];
}

export interface StampingRules {
  signer: Credential;
  /** Further certificates that the token carries when the request asks for the signer's. */
  chain?: readonly Credential[];
  hash?: HashName;
  /** Which hash names the signer in the signed attributes; `sha1` makes the attribute of RFC 2634. */
  certificateHash?: HashName;
  namesWholeChain?: boolean;
  /** As in `accuracy = secs:1, millisecs:500`. */
  accuracy?: string;
  ordering?: boolean;
  tsaName?: boolean;
  fractionDigits?: number;
}

export const CA_EXTENSIONS: readonly string[] = [
  'basicConstraints=critical,CA:TRUE',
  'keyUsage=critical,keyCertSign,cRLSign',
  'subjectKeyIdentifier=hash',
];
export const TSA_EXTENSIONS: readonly string[] = [
  'basicConstraints=critical,CA:FALSE',
  'keyUsage=critical,digitalSignature',
  'extendedKeyUsage=critical,timeStamping',
  'subjectKeyIdentifier=hash',
];
export const DEFAULT_POLICY = '1.3.6.1.4.1.99999.1';
export const OTHER_POLICY = '1.3.6.1.4.1.99999.2';

export class OpensslAuthority {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'waybill-tsa-'));
  #files = 0;

  close(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** A key and its certificate. */
  certify(name: string, request: CredentialRequest): Credential {
    const { key = 'P-256', keyOf, hash = 'sha256', by, days = 365, extensions = [] } = request;
    const config = this.write(
      'req.cnf',
      `[req]\nprompt=no\ndistinguished_name=dn\n[dn]\nO=Waybill tests\nCN=${name}\n`,
    );
    const made = { certificate: this.#fresh('crt.pem'), key: keyOf?.key ?? this.#fresh('key.pem') };
    const type = key.startsWith('rsa') ? [key] : ['ec', '-pkeyopt', `ec_paramgen_curve:${key}`];
    this.run([
      ...['req', '-new', '-x509', '-nodes', '-config', config, `-${hash}`, '-days', String(days)],
      ...(keyOf === undefined ? ['-newkey', ...type, '-keyout', made.key] : ['-key', made.key]),
      ...(by === undefined ? [] : ['-CA', by.certificate, '-CAkey', by.key]),
      ...extensions.flatMap((extension) => ['-addext', extension]),
      ...['-out', made.certificate],
    ]);
    const der = this.run(['x509', '-in', made.certificate, '-outform', 'DER']);
    return { name, der, ...made };
  }

  /** The answer of `openssl ts -reply` to a request in DER. */
  reply(request: Uint8Array, rules: StampingRules): Buffer {
    const query = this.write('tsq', request);
    return this.run(['ts', '-reply', '-config', this.#configure(rules), '-queryfile', query]);
  }

  /** A request made by `openssl ts -query`. */
  query(
    message: Uint8Array,
    { hash = 'sha256' as HashName, nonce = true, certificates = true, policy = '' } = {},
  ): Buffer {
    return this.run([
      ...['ts', '-query', '-data', this.write('message', message), `-${hash}`],
      ...(nonce ? [] : ['-no_nonce']),
      ...(certificates ? ['-cert'] : []),
      ...(policy === '' ? [] : ['-tspolicy', policy]),
    ]);
  }

  /** What `openssl ts -verify` says, at the time that the machine has. */
  verify(
    response: Uint8Array,
    message: Uint8Array,
    roots: readonly Credential[],
    others: readonly Credential[] = [],
    options: readonly string[] = [],
  ): { accepted: boolean; output: string } {
    const pem = (of: readonly Credential[]): string =>
      of.map((each) => readFileSync(each.certificate, 'utf8')).join('');
    const { status, stdout, stderr } = spawnSync('openssl', [
      ...['ts', '-verify', '-data', this.write('message', message), '-in', this.write('tsr', response)],
      ...['-CAfile', this.write('roots.pem', pem(roots)), ...options],
      ...(others.length === 0 ? [] : ['-untrusted', this.write('others.pem', pem(others))]),
    ]);
    return { accepted: status === 0, output: `${stdout}${stderr}` };
  }

  run(args: readonly string[]): Buffer {
    // Without a home configuration, so that the machine that runs the tests decides nothing.
    const env = { PATH: process.env.PATH, OPENSSL_CONF: '/dev/null' };
    const { status, stdout, stderr, error } = spawnSync('openssl', args, { cwd: this.directory, env, timeout: 60_000 });
    if (status !== 0) throw new TypeError(`openssl ${args.join(' ')}: ${error?.message ?? stderr.toString()}`);
    return stdout;
  }

  write(name: string, content: string | Uint8Array): string {
    const path = this.#fresh(name);
    writeFileSync(path, content);
    return path;
  }

  #fresh(name: string): string {
    this.#files += 1;
    return this.path(`${this.#files}-${name}`);
  }

  #configure(rules: StampingRules): string {
    const { signer, chain = [], hash = 'sha256', certificateHash = 'sha256' } = rules;
    const lines = [
      '[tsa]',
      'default_tsa = here',
      '[here]',
      `serial = ${this.path('serial')}`,
      'crypto_device = builtin',
      `signer_cert = ${signer.certificate}`,
      `signer_key = ${signer.key}`,
      `signer_digest = ${hash}`,
      `default_policy = ${DEFAULT_POLICY}`,
      `other_policies = ${OTHER_POLICY}`,
      'digests = sha1, sha256, sha384, sha512',
      `ordering = ${rules.ordering ? 'yes' : 'no'}`,
      `tsa_name = ${rules.tsaName ? 'yes' : 'no'}`,
      `ess_cert_id_chain = ${rules.namesWholeChain ? 'yes' : 'no'}`,
      `ess_cert_id_alg = ${certificateHash}`,
      `clock_precision_digits = ${rules.fractionDigits ?? 0}`,
    ];
    if (rules.accuracy !== undefined) lines.push(`accuracy = ${rules.accuracy}`);
    if (chain.length > 0) {
      const pem = chain.map((each) => readFileSync(each.certificate, 'utf8')).join('');
      lines.push(`certs = ${this.write('chain.pem', pem)}`);
    }
    return this.write('ts.cnf', `${lines.join('\n')}\n`);
  }
}
