/** Somebody outside of a deployment of the bed, who is reached by TLS: takes what is told at one address, and nothing at the other. */
import { readFileSync } from 'node:fs';
import type { CallbackSettings, WaybillProps } from '../../lib/waybill-props.ts';
import { callbackServer, type Heard, TLS_HOST } from '../support/callback-server.ts';
import { OpensslAuthority } from '../support/openssl-authority.ts';
import type { SecretArns } from './kept-secrets.ts';

export interface ToldOutside {
  /** PEM file of what the functions of the bed trust beside the authorities of Node. */
  certificate: string;
  heard: readonly Heard[];
  /** As a deployment names them, with its secrets for blocks. */
  namedWith(secrets: SecretArns): Pick<WaybillProps, 'secrets' | 'callbacks'>;
  close(): Promise<void>;
}

export async function toldOutside(): Promise<ToldOutside> {
  const authority = new OpensslAuthority();
  const { certificate, key } = authority.certify('outside', { extensions: [`subjectAltName=IP:${TLS_HOST}`] });
  const identity = { cert: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') };
  const server = await callbackServer((path) => (path === '/takes' ? 204 : 302), identity);
  const at = (name: string, secret: string): CallbackSettings => ({ url: `${server.url}/${name}`, secret });
  return {
    certificate,
    heard: server.heard,
    namedWith: ({ callback, ...secrets }) => ({
      secrets,
      callbacks: { takes: at('takes', callback), refuses: at('refuses', callback) },
    }),
    async close() {
      await server.close();
      authority.close();
    },
  };
}
