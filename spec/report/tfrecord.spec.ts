import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32c, tfRecord } from '../../src/report/tfrecord';

const { maskedCrcs } = JSON.parse(
  readFileSync(join(__dirname, '../../fixtures/tensorboard-reference.json'), 'utf8'),
) as { maskedCrcs: { hex: string; crc: number }[] };

const counting = Uint8Array.from({ length: 32 }, (_, i) => i);
/** An iSCSI command, the last of RFC 3720's examples. */
const COMMAND =
  '01c00000000000000000000000000000 1400000000000400 0000001400000018 28000000000000000200000000000000';

describe("a TFRecord's checksum", () => {
  test.each([
    { name: "the digits '123456789'", bytes: Buffer.from('123456789'), crc: 0xe3069283 },
    { name: '32 bytes of 0', bytes: new Uint8Array(32), crc: 0x8a9136aa },
    { name: '32 bytes of 0xff', bytes: new Uint8Array(32).fill(0xff), crc: 0x62a8ab43 },
    { name: 'the bytes 0 to 31', bytes: counting, crc: 0x46dd794e },
    { name: 'the bytes 31 to 0', bytes: counting.slice().reverse(), crc: 0x113fdb5c },
    { name: 'an iSCSI command', bytes: Buffer.from(COMMAND.replaceAll(' ', ''), 'hex'), crc: 0xd9963a56 },
    { name: 'nothing', bytes: new Uint8Array(0), crc: 0 },
  ])('is the CRC-32C that RFC 3720 and the catalogue of CRCs print of $name', ({ bytes, crc }) => {
    expect(crc32c(bytes)).toBe(crc);
  });

  test('changes with every single bit', () => {
    const content = fc.uint8Array({ minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(content, fc.nat({ max: 39 }), fc.nat({ max: 7 }), (bytes, at, bit) => {
        const changed = Uint8Array.from(bytes);
        changed[at % bytes.length] ^= 1 << bit;
        expect(crc32c(changed)).not.toBe(crc32c(bytes));
      }),
    );
  });
});

describe('a TFRecord', () => {
  test("ends in the masked checksum that TensorBoard's own code gives", () => {
    for (const { hex, crc } of maskedCrcs) {
      const record = Buffer.from(tfRecord(Buffer.from(hex, 'hex')));
      expect(record.readUInt32LE(record.length - 4)).toBe(crc);
    }
  });

  test('holds its length in 8 bytes, the checksum of that, its content and the checksum of that', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (content) => {
        const record = Buffer.from(tfRecord(content));
        expect(record.length).toBe(content.length + 16);
        expect(record.readBigUInt64LE(0)).toBe(BigInt(content.length));
        expect(Uint8Array.from(record.subarray(12, -4))).toEqual(content);
        // A record of the length's bytes ends in their checksum.
        expect(record.subarray(8, 12)).toEqual(Buffer.from(tfRecord(record.subarray(0, 8))).subarray(-4));
      }),
    );
  });
});
