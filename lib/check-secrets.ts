/** The secrets of a deployment, for blocks and for callbacks: what specs call them, and where the account keeps them. */
import { partitionOf } from './deployment-names.ts';
import { isNot } from './props-error.ts';
import type { KeptSecret, WaybillProps } from './waybill-props.ts';

/** As run specs name them. */
const NAME = /^(?!.*\.\.)[a-z0-9][a-z0-9._-]{0,62}$/;
const KEY_ID = '(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32})';

/** Its ARN, and that of the key of the account that encrypts it, where there is one. */
export function keptSecret(secret: string | KeptSecret): KeptSecret {
  return typeof secret === 'string' ? { arn: secret } : secret;
}

type Place = WaybillProps['env'];

export function secretProblems({ env, secrets = {} }: Pick<WaybillProps, 'env' | 'secrets'>): string[] {
  return Object.entries(secrets).flatMap(([name, kept]) =>
    NAME.test(name)
      ? keptProblems(`secrets.${name}`, kept, env)
      : [isNot('secrets', name, 'a name of a-z, 0-9, `.`, `_` and `-`, as blocks use it')],
  );
}

export function callbackProblems({ env, callbacks = {} }: Pick<WaybillProps, 'env' | 'callbacks'>): string[] {
  return Object.entries(callbacks).flatMap(([name, { url, secret }]) =>
    NAME.test(name)
      ? [
          ...(isAddress(url) ? [] : [isNot(`callbacks.${name}.url`, url, HTTPS)]),
          ...keptProblems(`callbacks.${name}.secret`, secret, env),
        ]
      : [isNot('callbacks', name, 'a name of a-z, 0-9, `.`, `_` and `-`, as run specs use it')],
  );
}

const HTTPS = 'an https address without a user, a password or a fragment';

function isAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, hash } = new URL(text);
  return protocol === 'https:' && `${username}${password}${hash}` === '';
}

/** The function that reads it is in one place, and asks each service there. */
function keptProblems(path: string, kept: string | KeptSecret, { region, account }: Place): string[] {
  const arnOf = (service: string, rest: string): RegExp =>
    new RegExp(`^arn:${partitionOf(region)}:${service}:${region}:${account}:${rest}$`);
  // What Secrets Manager puts behind a name tells it from another one of the same name, which was deleted.
  const secret = arnOf('secretsmanager', 'secret:[\\w/+=.@-]+-[A-Za-z0-9]{6}');
  const parameter = arnOf('ssm', 'parameter/[\\w.-]+(?:/[\\w.-]+)*');
  const here = `of ${account} in ${region}`;
  const { arn, key } = keptSecret(kept);
  const problems: string[] = [];
  if (!secret.test(arn) && !parameter.test(arn)) {
    const wanted = `the whole ARN of a secret of Secrets Manager, with the six characters at its end, or of a parameter, ${here}`;
    problems.push(isNot(path, arn, wanted));
  }
  if (key !== undefined && !arnOf('kms', `key/${KEY_ID}`).test(key))
    problems.push(isNot(`${path}.key`, key, `the ARN of a key, and of no alias, ${here}`));
  return problems;
}
