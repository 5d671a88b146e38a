/** Time stamps that are not DER, or not what the fields of a time stamp may be. */
import {
  type BadStamp,
  having,
  type More,
  made,
  type Plan,
  passesOpenssl,
  readByOpenssl,
  refused,
  tokenOf,
  unreadable,
} from './bad-stamp.ts';
import { context, indefinite, int, members, octets, oid, padLength, seq, tlv } from './naive-der.ts';
import { attribute } from './naive-tsa.ts';
import { stampingBed } from './stamping-bed.ts';

export function badEncodings(): BadStamp[] {
  const good = tokenOf({});
  const broken = (title: string, reason: RegExp, plan: Plan, more: More = unreadable): BadStamp =>
    made(title, 'encoding', reason, plan, more);
  return [
    refused('nothing at all', 'encoding', /cut short/, Buffer.of(), unreadable),
    refused('truncated', 'encoding', /cut short/, good.subarray(0, -1), unreadable),
    refused('truncated within a length', 'encoding', /cut short/, good.subarray(0, 3), unreadable),
    refused('an error page', 'encoding', /not DER/, Buffer.from('<html>no time today</html>'), unreadable),
    refused('bytes after the end', 'encoding', /bytes after the end/, Buffer.concat([good, Buffer.of(0)]), {
      der: 'nothingAfter',
      passesOpenssl,
    }),
    refused('BER: an indefinite length', 'encoding', /indefinite length/, indefinite(good), {
      ...unreadable,
      passesOpenssl,
    }),
    refused('BER: a length with a zero before it', 'encoding', /length in more bytes/, padLength(good), {
      der: 'minimalLengths',
      passesOpenssl,
    }),
    broken(
      'BER: TRUE as 01',
      /BOOLEAN that is/,
      { info: having({ ordering: tlv(1, Buffer.of(1)) }) },
      { der: 'trueIsFf', passesOpenssl },
    ),
    broken(
      'BER: an INTEGER with a zero before it',
      /INTEGER in more bytes/,
      {
        info: having({ serial: int(Buffer.of(0, 7)) }),
      },
      { der: 'minimalIntegers' },
    ),
    broken(
      'BER: a SET that is not sorted',
      /SET that is not sorted/,
      {
        attributes: having({ more: seq(oid('1.2.3.4'), tlv(0x31, int(9), int(3))) }),
      },
      { der: 'sortedSets' },
    ),
    broken(
      'BER: signed attributes that are not sorted',
      /signed attributes are not DER/,
      {
        signerInfo(parts) {
          parts.attributes = context(0, ...members(parts.attributes ?? seq()).toReversed());
        },
      },
      { der: 'sortedSets', always: 'the signature is over the sorted ones' },
    ),
    broken(
      'FALSE spelled out',
      /spells out FALSE/,
      { info: having({ ordering: tlv(1, Buffer.of(0)) }) },
      readByOpenssl,
    ),
    broken('a field of unknown meaning', /a field more than/, { answer: having({ more: int(1) }) }),
    broken(
      'values inside each other',
      /inside each other/,
      {
        attributes: having({ deep: attribute('1.2.3.4', nested(30)) }),
      },
      readByOpenssl,
    ),
    broken('more than 64 KiB', /more than 65536/, {
      attributes: having({ big: attribute('1.2.3.4', octets(Buffer.alloc(65_000))) }),
    }),
    broken(
      'a type of its own',
      /unknown type/,
      { attributes: having({ odd: attribute('1.2.3.4', tlv(0x41)) }) },
      readByOpenssl,
    ),
  ];
}

export function badTimes(): BadStamp[] {
  const genTime = (title: string, text: string): BadStamp =>
    made(title, 'encoding', /genTime is/, { genTime: text }, readByOpenssl);
  return [
    made(
      'an accuracy of a thousand milliseconds',
      'encoding',
      /from 1 to 999/,
      {
        info: having({ accuracy: seq(tlv(0x80, Buffer.of(3, 232))) }),
      },
      readByOpenssl,
    ),
    genTime('a genTime without seconds', '203012010000Z'),
    genTime('a genTime with an offset', '20301201000000+0100'),
    genTime('a genTime with a fraction that ends in zero', '20301201000000.10Z'),
    genTime('a genTime on the 31st of February', '20300231000000Z'),
    genTime('a genTime in a 61st second', '20301201000060Z'),
    made(
      'a key that is too small',
      'encoding',
      /public key that is not supported/,
      { signers: [stampingBed().small] },
      readByOpenssl,
    ),
  ];
}

function nested(depth: number): Buffer {
  return depth === 0 ? int(0) : seq(nested(depth - 1));
}
