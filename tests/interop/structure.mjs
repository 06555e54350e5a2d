// Checks the structure of a .tflite by the JSON that flatc made of it with our own schema (tests/format/tflite.fbs).
// usage: node structure.mjs NAME MODEL.json KIND; KIND: float, half, int8
import { readFileSync } from 'node:fs';

const [name, file, kind] = process.argv.slice(2);
const model = JSON.parse(readFileSync(file));
const problems = [];
const expect = (condition, text) => condition || problems.push(text);
const elementBytes = { FLOAT32: 4, FLOAT16: 2, INT32: 4, UINT8: 1, INT64: 8, INT8: 1 };

expect(model.version === 3, `version ${model.version}`);
expect(model.subgraphs.length === 1, `${model.subgraphs.length} subgraphs`);
const { tensors, operators, inputs, outputs } = model.subgraphs[0];
const op = (o) => {
    const code = model.operator_codes[o.opcode_index ?? 0];
    return code.builtin_code ?? 'ADD';
};
const count = (kind) => operators.filter((o) => op(o) === kind).length;
expect(inputs.length === 1 && outputs.length === 1, 'one input, one output');
expect(count('PAD') === 0, `${count('PAD')} PAD`);
expect(model.operator_codes.every((c) => !c.custom_code), 'a custom operator');
// The stem, the last convolution, and expansion and depthwise convolution of blocks 3 to 10. In int8 the stem's is a product of
// two convolutions (docs/quantisation.md).
const split = kind === 'int8' ? 1 : 0;
const convolutions = count('CONV_2D') + count('DEPTHWISE_CONV_2D');
expect(count('HARD_SWISH') === 18 - split, `${count('HARD_SWISH')} HARD_SWISH instead of ${18 - split}`);
expect(convolutions === 52 + split, `${convolutions} convolutions instead of ${52 + split}`);
expect(count('MUL') === 9 + split, `${count('MUL')} MUL instead of ${9 + split}; one a gate`);

const buffers = model.buffers.map((b) => b.data?.length ?? 0);
const made = new Set([...inputs, ...tensors.keys()].filter((i) => inputs.includes(i) || buffers[tensors[i].buffer ?? 0]));
for (const [i, t] of tensors.entries()) {
    const bytes = buffers[t.buffer ?? 0];
    expect(bytes !== undefined, `tensor ${i} names buffer ${t.buffer}, of ${buffers.length}`);
    const size = (t.shape ?? []).reduce((a, b) => a * b, 1) * elementBytes[t.type ?? 'FLOAT32'];
    expect(!bytes || bytes === size, `tensor ${i} of ${size} bytes has a buffer of ${bytes}`);
    const q = t.quantization;
    expect(!q?.scale || q.scale.length === 1 || q.scale.length === t.shape[q.quantized_dimension ?? 0],
        `tensor ${i} has ${q?.scale?.length} scales`);
}
for (const [i, o] of operators.entries()) {
    for (const t of o.inputs) expect(t === -1 || made.has(t), `operator ${i} reads tensor ${t} before it is made`);
    for (const t of o.outputs) expect(tensors[t] && !made.has(t), `operator ${i} makes tensor ${t} again`);
    o.outputs.forEach((t) => made.add(t));
}
expect(made.has(outputs[0]), 'no operator makes the output');
expect(model.metadata?.some((m) => m.name === 'semtinel'), 'no metadata');
const types = new Set(tensors.map((t) => t.type ?? 'FLOAT32'));
expect(types.has('INT8') === (kind === 'int8'), `types ${[...types]}`);
expect(types.has('FLOAT16') === (kind === 'half'), `types ${[...types]}`);
console.log(`${problems.length ? 'FAIL' : 'ok  '} flatc, ${name}: ${operators.length} operators, ${tensors.length} tensors` +
    problems.map((p) => `\n     ${p}`).join(''));
process.exit(problems.length ? 1 : 0);
