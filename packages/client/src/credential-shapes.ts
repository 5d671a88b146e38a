/**
 * Plain values that look like credentials. A spec is stored, shown and copied, so a secret in it is a leak that has
 * happened already. Only shapes that say for themselves what they are: a random word is not a finding, because a guard
 * that cries wolf is switched off. Each pattern starts at a word's beginning only, so that a long value costs linear time.
 */
const SHAPES: readonly { name: string; pattern: RegExp }[] = [
  { name: 'an AWS access key id', pattern: /(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Za-z0-9])/ },
  { name: 'a GitHub token', pattern: /(?<![A-Za-z0-9_])(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,})/ },
  { name: 'a GitLab token', pattern: /(?<![A-Za-z0-9_])gl(?:pat|dt|rt|ptt|cbt)-[A-Za-z0-9_-]{20,}/ },
  { name: 'a Slack token', pattern: /(?<![A-Za-z0-9])xox[abeoprs]-[A-Za-z0-9]+-[A-Za-z0-9-]{10,}/ },
  { name: 'a Slack webhook', pattern: /hooks\.slack\.com\/services\/T[A-Z0-9]+\/B[A-Z0-9]+\/[A-Za-z0-9]{16,}/ },
  { name: 'a Stripe key', pattern: /(?<![A-Za-z0-9])[rs]k_live_[A-Za-z0-9]{20,}/ },
  { name: 'an Anthropic key', pattern: /(?<![A-Za-z0-9])sk-ant-[a-z0-9]+-[A-Za-z0-9_-]{20,}/ },
  { name: 'an OpenAI key', pattern: /(?<![A-Za-z0-9])sk-(?:proj-|svcacct-)[A-Za-z0-9_-]{20,}/ },
  { name: 'a Google API key', pattern: /(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])/ },
  { name: 'an npm token', pattern: /(?<![A-Za-z0-9])npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])/ },
  { name: 'a JSON web token', pattern: /(?<![\w-])eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}/ },
  { name: 'a private key', pattern: /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----/ },
  { name: 'a password in a url', pattern: /(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:[^\s/:@$]+@/ },
];

/** What the text looks like, or null. Never quote the text itself in what is said about it. */
export function credentialShape(text: string): string | null {
  return SHAPES.find(({ pattern }) => pattern.test(text))?.name ?? null;
}
