import { resources } from '../deployment.ts';
import { all, failing, first, lines, type Rule } from './rule.ts';

const KEY = 'AWS::KMS::Key';

const signs = ({ properties }: { properties: Record<string, unknown> }): boolean =>
  properties.KeyUsage === 'SIGN_VERIFY';

export const KEY_RULES: readonly Rule[] = [
  {
    says: 'keys: thirty days lie between the wish to delete one and its end, and those that can rotate do',
    broken: (templates) =>
      failing(
        all(templates, KEY),
        ({ properties }) =>
          properties.PendingWindowInDays === 30 &&
          (properties.KeyUsage !== undefined || properties.EnableKeyRotation === true),
      ),
    plant: (templates) => {
      first(templates, KEY).properties.PendingWindowInDays = 7;
    },
  },
  {
    says: 'signing keys: P-256 and Ed25519, and everybody but listed roles is denied to sign',
    broken: (templates) =>
      failing(all(templates, KEY).filter(signs), ({ properties }) => {
        const deny = lines(properties.KeyPolicy).find(
          ({ Effect, Action }) => Effect === 'Deny' && Action === 'kms:Sign',
        );
        const roles = deny?.Condition?.ArnNotEquals?.['aws:PrincipalArn'];
        const isKnown = ['ECC_NIST_P256', 'ECC_NIST_EDWARDS25519'].includes(String(properties.KeySpec));
        return isKnown && (typeof roles === 'string' || (Array.isArray(roles) && roles.length > 0));
      }),
    plant: (templates) => {
      first(templates, KEY, signs).properties.KeyPolicy = { Statement: [] };
    },
  },
  {
    says: 'stacks: only the ledger stack holds locked buckets and signing keys',
    broken: (templates) =>
      resources(templates)
        .filter((found) => found.stack !== 'ledger' && (found.properties.ObjectLockEnabled === true || signs(found)))
        .map(({ id }) => id),
    plant: (templates) => {
      templates.runtime.Resources.Planted = { Type: KEY, Properties: { KeyUsage: 'SIGN_VERIFY' } };
    },
  },
];
