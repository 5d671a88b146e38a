/** Exact sums, least and greatest of decimal numbers of any size: whole numbers and a power of ten, in no floating point. */
const [ZERO, NINE, MINUS, PLUS, POINT] = [0x30, 0x39, 0x2d, 0x2b, 0x2e];
/** As many digits are a whole number that is exact in a double, and so are sums of a thousand of them. */
const MOST_DIGITS = 12;
const MOST_SMALL = 2 ** 52;
const SLOW = /^([+-]?)(\d+(?:\.\d*)?|\.\d+)(?:[eE]([+-]?\d{1,3}))?$/;

/** What `read` has read last. */
const last = { small: 0, big: 0n, isSmall: true, scale: 0 };

/** False: the bytes are no decimal number. */
export function read(bytes, from, to) {
  let at = from;
  const isNegative = bytes[at] === MINUS;
  if (isNegative || bytes[at] === PLUS) at += 1;
  let [small, digits, point] = [0, 0, -1];
  for (; at < to; at += 1) {
    const byte = bytes[at];
    if (byte >= ZERO && byte <= NINE) {
      small = small * 10 + (byte - ZERO);
      digits += 1;
    } else if (byte === POINT && point < 0) point = at;
    else break;
  }
  if (at < to || digits === 0 || digits > MOST_DIGITS) return readSlowly(bytes.latin1Slice(from, to));
  last.small = isNegative ? -small : small;
  last.isSmall = true;
  last.scale = point < 0 ? 0 : to - point - 1;
  return true;
}

function readSlowly(text) {
  const found = SLOW.exec(text);
  if (found === null) return false;
  const [, sign, digits, exponent = '0'] = found;
  const [whole, fraction = ''] = digits.split('.');
  const scale = fraction.length - Number(exponent);
  const value = BigInt(`${whole}${fraction}`) * (scale < 0 ? 10n ** BigInt(-scale) : 1n);
  last.big = sign === '-' ? -value : value;
  last.isSmall = false;
  last.scale = Math.max(0, scale);
  return true;
}

function lastBig() {
  return last.isSmall ? BigInt(last.small) : last.big;
}

/** Of all that was read when `add` was called. */
export class Sum {
  #scale = 0;
  #small = 0;
  #big = 0n;

  add() {
    if (last.scale !== this.#scale) return this.#addScaled();
    if (!last.isSmall) this.#big += last.big;
    else {
      this.#small += last.small;
      if (this.#small > MOST_SMALL || this.#small < -MOST_SMALL) this.#carry();
    }
  }

  #addScaled() {
    this.#carry();
    if (last.scale > this.#scale) {
      this.#big *= 10n ** BigInt(last.scale - this.#scale);
      this.#scale = last.scale;
      this.#big += lastBig();
    } else this.#big += lastBig() * 10n ** BigInt(this.#scale - last.scale);
  }

  #carry() {
    this.#big += BigInt(this.#small);
    this.#small = 0;
  }

  text() {
    this.#carry();
    return textOf(this.#big, this.#scale);
  }
}

/** `sign` 1: the greatest, -1: the least. */
export class Extreme {
  #sign;
  #value = null;
  #scale = 0;
  /** The same as a number, where it is a small one. */
  #small = Number.NaN;

  constructor(sign) {
    this.#sign = sign;
  }

  add() {
    if (
      last.isSmall &&
      last.scale === this.#scale &&
      (this.#sign === 1 ? last.small <= this.#small : last.small >= this.#small)
    )
      return;
    const value = lastBig();
    if (this.#value !== null) {
      const most = Math.max(this.#scale, last.scale);
      const [mine, other] = [this.#value * 10n ** BigInt(most - this.#scale), value * 10n ** BigInt(most - last.scale)];
      if (this.#sign === 1 ? other <= mine : other >= mine) return;
    }
    this.#value = value;
    this.#scale = last.scale;
    this.#small = last.isSmall ? last.small : Number.NaN;
  }

  text() {
    return this.#value === null ? '' : textOf(this.#value, this.#scale);
  }
}

/** -1, 0 or 1, of two texts that are decimal numbers; null where one is none. */
export function compared(left, right) {
  const [a, b] = [left, right].map((text) => {
    const bytes = Buffer.from(text, 'latin1');
    return read(bytes, 0, bytes.length) ? { value: lastBig(), scale: last.scale } : null;
  });
  if (a === null || b === null) return null;
  const most = Math.max(a.scale, b.scale);
  const [mine, other] = [a.value * 10n ** BigInt(most - a.scale), b.value * 10n ** BigInt(most - b.scale)];
  return mine < other ? -1 : mine > other ? 1 : 0;
}

/** Without an exponent, and without zeros behind the last digit that says something. */
function textOf(value, scale) {
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, '');
  const whole = scale === 0 ? digits : digits.slice(0, digits.length - scale);
  const text = scale === 0 || fraction === '' ? whole : `${whole}.${fraction}`;
  return value < 0n ? `-${text}` : text;
}
