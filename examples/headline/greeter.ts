/** The small project that the headline run works on: a greeting program in shell. Texts by path. */
export const GREETER: Readonly<Record<string, string>> = {
  'README.md': '# Greeter\n\nGreets people by name. `sh greet.sh Ada Grace`\n',
  'greet.sh': `#!/bin/sh
# Greets everybody who is named.
set -eu

greeting='Hello'
here=$(dirname "$0")

greet() {
  if [ -f "$here/messages/$1.txt" ]; then
    printf "$(cat "$here/messages/$1.txt")\\n" "$2"
  else
    printf '%s, %s!\\n' "$greeting" "$2"
  fi
}

for name in "$@"; do
  greet "\${GREET_LANGUAGE:-en}" "$name"
done
`,
  'messages/nl.txt': 'Goedendag, %s!\n',
  'test/check.sh': `#!/bin/sh
# What the whole project promises once all changes are in.
set -eu

expect() {
  if [ "$2" != "$3" ]; then
    echo "not ok: $1: expected '$2', got '$3'" >&2
    exit 1
  fi
  echo "ok: $1"
}

expect 'greets politely' 'Good day, Ada!' "$(sh greet.sh Ada | head -n 1)"
expect 'counts' 'Greeted 2.' "$(sh greet.sh Ada Grace | tail -n 1)"
expect 'speaks German' 'Guten Tag, Ada!' "$(GREET_LANGUAGE=de sh greet.sh Ada | head -n 1)"
expect 'speaks French' 'Bonjour, Ada !' "$(GREET_LANGUAGE=fr sh greet.sh Ada | head -n 1)"
expect 'has a changelog' '# Changes' "$(head -n 1 CHANGES.md)"
`,
};
