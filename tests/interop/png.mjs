// Reads the 8-bit grey PNGs that semtinel writes and stores them as float32 for the runtimes.
// usage: node png.mjs OUT.bin MEAN SCALE FILE.png...
import { readFileSync, writeFileSync } from 'node:fs';
import { inflateSync } from 'node:zlib';

const [outFile, mean, scale, ...files] = process.argv.slice(2);

function decode(file) {
    const png = readFileSync(file);
    const width = png.readUInt32BE(16), height = png.readUInt32BE(20);
    if (png[24] !== 8 || png[25] !== 0 || png[28] !== 0) throw new Error(`${file}: not an 8-bit grey PNG`);
    const parts = [];
    for (let at = 8; at < png.length;) {
        const length = png.readUInt32BE(at), type = png.toString('latin1', at + 4, at + 8);
        if (type === 'IDAT') parts.push(png.subarray(at + 8, at + 8 + length));
        at += 12 + length;
    }
    const raw = inflateSync(Buffer.concat(parts));
    const out = new Uint8Array(width * height);
    for (let y = 0; y < height; y++) {
        const filter = raw[y * (width + 1)];
        for (let x = 0; x < width; x++) {
            const left = x ? out[y * width + x - 1] : 0, up = y ? out[(y - 1) * width + x] : 0;
            const corner = x && y ? out[(y - 1) * width + x - 1] : 0;
            const p = left + up - corner;
            const a = Math.abs(p - left), b = Math.abs(p - up), c = Math.abs(p - corner);
            const paeth = a <= b && a <= c ? left : b <= c ? up : corner;
            const guess = [0, left, up, (left + up) >> 1, paeth][filter];
            out[y * width + x] = raw[y * (width + 1) + 1 + x] + guess;
        }
    }
    return Float32Array.from(out, (p) => (p - mean) / scale);
}

const images = files.map(decode);
const all = new Float32Array(images.length * images[0].length);
images.forEach((image, i) => all.set(image, i * image.length));
writeFileSync(outFile, Buffer.from(all.buffer));
