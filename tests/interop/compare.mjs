// Compares two files of float32 outputs, N x classes. usage: node compare.mjs NAME A.bin B.bin N KIND
// KIND float: the outputs' logarithms, which are the logits up to a constant, differ by at most 1e-4 of the largest one.
// KIND int8: the largest output is the same in 99.5% of
// the images, and 99% of the outputs differ by at most 2 steps of 1/256.
import { readFileSync } from 'node:fs';

const [name, fileA, fileB, count, kind] = process.argv.slice(2);
const load = (file) => {
    const bytes = readFileSync(file);
    const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    return kind === 'float' ? Float64Array.from(values, (p) => Math.log(Math.max(p, 1e-30))) : values;
};
const a = load(fileA), b = load(fileB), n = Number(count), classes = a.length / n;
if (a.length !== b.length || !Number.isInteger(classes)) {
    console.log(`${name}: ${a.length} and ${b.length} outputs`);
    process.exit(1);
}
let worst = 0, largest = 0, near = 0, equal = 0, same = 0;
const top = (v, i) => v.subarray(i * classes, (i + 1) * classes).reduce((best, x, k, r) => (x > r[best] ? k : best), 0);
for (let i = 0; i < a.length; i++) {
    worst = Math.max(worst, Math.abs(a[i] - b[i]));
    largest = Math.max(largest, Math.abs(a[i]));
    near += Math.abs(a[i] - b[i]) <= 2 / 256 + 1e-6;
    equal += Math.round(256 * a[i]) === Math.round(256 * b[i]);
}
for (let i = 0; i < n; i++) {
    // Equal largest outputs (int8 probabilities have 256 values) count as the same class.
    const ta = top(a, i), tb = top(b, i);
    same += ta === tb || a[i * classes + ta] === a[i * classes + tb] || b[i * classes + ta] === b[i * classes + tb];
}
const ok = kind === 'float' ? worst <= 1e-4 * largest : same / n >= 0.995 && near / a.length >= 0.99;
console.log(`${ok ? 'ok  ' : 'FAIL'} ${name}: largest difference ${worst.toExponential(1)}, same class ` +
    `${((100 * same) / n).toFixed(1)}%` +
    (kind === 'float' ? '' : `, equal ${((100 * equal) / a.length).toFixed(2)}%, within 2 steps ${((100 * near) / a.length).toFixed(2)}%`));
process.exit(ok ? 0 : 1);
