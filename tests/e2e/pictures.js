// Image files made by hand, whole ones and hostile ones, and the little of their formats that tests look at.
import { crc32, deflateSync } from 'node:zlib';

const u32 = (n) => Buffer.from([n >>> 24, n >>> 16, n >>> 8, n]);
const u16le = (n) => Buffer.from([n, n >>> 8]);

export function chunk(type, data = Buffer.alloc(0)) {
    const body = Buffer.concat([Buffer.from(type), data]);
    return Buffer.concat([u32(data.length), body, u32(crc32(body))]);
}
const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
const header = (width, height) => chunk('IHDR', Buffer.concat([u32(width), u32(height), Buffer.from([8, 2, 0, 0, 0])]));

// pixel(x, y): [red, green, blue]. `more` stands before the pixels.
export function png(width, height, pixel = () => [200, 30, 60], more = []) {
    const rows = Buffer.alloc(height * (1 + width * 3));
    for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) rows.set(pixel(x, y), y * (1 + width * 3) + 1 + x * 3);
    return Buffer.concat([SIGNATURE, header(width, height), ...more, chunk('IDAT', deflateSync(rows)), chunk('IEND')]);
}
// Says that it is that large, and brings nothing.
export const pngFlood = (width, height) => Buffer.concat([SIGNATURE, header(width, height), chunk('IDAT', deflateSync(Buffer.alloc(40_000))), chunk('IEND')]);
// One pixel, and `bytes` of zeros more than it needs.
export const pngBomb = (bytes) => Buffer.concat([SIGNATURE, header(1, 1), chunk('IDAT', deflateSync(Buffer.alloc(bytes), { level: 9 })), chunk('IEND')]);

// Of size x size; every frame has one colour.
export function gif(size, frames) {
    const parts = [Buffer.from('GIF89a'), u16le(size), u16le(size), Buffer.from([0x91, 0, 0, 10, 10, 10, 250, 40, 40, 40, 250, 40, 40, 40, 250]),
        Buffer.from([0x21, 0xff, 11]), Buffer.from('NETSCAPE2.0'), Buffer.from([3, 1, 0, 0, 0])];
    for (let i = 0; i < frames; i++) {
        parts.push(Buffer.from([0x21, 0xf9, 4, 4, 10, 0, 0, 0]), Buffer.from([0x2c, 0, 0, 0, 0]), u16le(size), u16le(size), Buffer.from([0, 2]));
        // Clear before each pixel: codes of three bits, without a dictionary.
        let bits = 0, n = 0;
        const bytes = [], put = (code) => {
            bits |= code << n;
            for (n += 3; n >= 8; n -= 8, bits >>>= 8) bytes.push(bits & 255);
        };
        for (let p = 0; p < size * size; p++) put(4), put(i % 4);
        put(5);
        if (n) bytes.push(bits & 255);
        for (let at = 0; at < bytes.length; at += 255) parts.push(Buffer.from([Math.min(255, bytes.length - at), ...bytes.slice(at, at + 255)]));
        parts.push(Buffer.from([0]));
    }
    return Buffer.concat([...parts, Buffer.from([0x3b])]);
}
// A JPEG with an Exif segment put in: on its side (orientation 6), and where it was taken.
export function withExif(jpeg) {
    const entry = (tag, type, count, value) => Buffer.concat([u16le(tag), u16le(type), u16le(count), u16le(0), value]);
    const tiff = Buffer.concat([Buffer.from('II*\0\x08\0\0\0', 'latin1'), u16le(2), entry(0x112, 3, 1, Buffer.from([6, 0, 0, 0])), entry(0x8825, 4, 1, Buffer.from([38, 0, 0, 0])),
        Buffer.alloc(4), u16le(1), entry(1, 2, 2, Buffer.from('N\0\0\0')), Buffer.alloc(4), Buffer.from('GPS-SECRET-PLACE')]);
    const body = Buffer.concat([Buffer.from('Exif\0\0'), tiff]);
    return Buffer.concat([jpeg.subarray(0, 2), Buffer.from([0xff, 0xe1, (body.length + 2) >> 8, (body.length + 2) & 255]), body, jpeg.subarray(2)]);
}
export const uri = (bytes, type = 'png') => `data:image/${type};base64,${bytes.toString('base64')}`;

// [type, width, height]
export function measure(b) {
    if (b.subarray(0, 8).equals(SIGNATURE)) return ['png', b.readUInt32BE(16), b.readUInt32BE(20)];
    if (b.toString('latin1', 0, 4) === 'GIF8') return ['gif', b.readUInt16LE(6), b.readUInt16LE(8)];
    if (b.toString('latin1', 8, 12) === 'WEBP') return ['webp'];
    for (let at = 2; b[0] === 0xff && at < b.length; at += 2 + b.readUInt16BE(at + 2))
        if (b[at + 1] >= 0xc0 && b[at + 1] <= 0xc2) return ['jpeg', b.readUInt16BE(at + 7), b.readUInt16BE(at + 5)];
    return ['unknown'];
}
