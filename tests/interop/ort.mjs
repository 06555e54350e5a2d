// Runs an ONNX file in ONNX Runtime. usage: node ort.mjs MODEL INPUT.bin OUTPUT.bin N
// INPUT holds N float32 inputs one after another, in the model's own layout; OUTPUT gets N outputs.
import { readFileSync, writeFileSync } from 'node:fs';
import ort from 'onnxruntime-node';

const [model, inputFile, outputFile, count] = process.argv.slice(2);
const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 3 });
const bytes = readFileSync(inputFile);
const all = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
const n = Number(count);
const each = all.length / n;
const shape = session.inputMetadata?.[0]?.shape ?? [];
const dims = shape.map((d, i) => (i === 0 || typeof d !== 'number' ? 1 : d));
const outputs = [];
for (let i = 0; i < n; i++) {
    const data = all.slice(i * each, (i + 1) * each);
    const result = await session.run({ [session.inputNames[0]]: new ort.Tensor('float32', data, dims) });
    outputs.push(Float32Array.from(result[session.outputNames[0]].data));
}
const total = new Float32Array(outputs.reduce((sum, o) => sum + o.length, 0));
let at = 0;
for (const o of outputs) {
    total.set(o, at);
    at += o.length;
}
writeFileSync(outputFile, Buffer.from(total.buffer));
