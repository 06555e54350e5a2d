// Runs a SavedModel's graph in TensorFlow.js, by its signature "serving_default".
// usage: node tfjs.mjs SAVED_MODEL.pb INPUT.bin OUTPUT.bin N
// INPUT holds N float32 inputs one after another, which are run as one batch; OUTPUT gets N outputs.
//
// TensorFlow.js reads a GraphDef as JSON, its constants apart. What is decoded here are the messages of
// tensorflow/core/protobuf/saved_model.proto and meta_graph.proto and tensorflow/core/framework/graph.proto; what the
// operators and their attributes mean is TensorFlow's.
import { readFileSync, writeFileSync } from 'node:fs';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { loadGraphModel } from '@tensorflow/tfjs-converter';

// The varint at `at`, as a BigInt of 64 bits with a sign, and where it ends.
function varint(bytes, at) {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
        const byte = bytes[at++];
        value |= BigInt(byte & 127) << shift;
        if (byte < 128) return [BigInt.asIntN(64, value), at];
    }
}

// The fields of a message: number -> values; messages, texts and packed numbers are Buffers.
function fields(bytes) {
    const found = new Map();
    for (let key, value, at = 0; at < bytes.length;) {
        [key, at] = varint(bytes, at);
        const number = Number(key >> 3n), wire = Number(key & 7n);
        if (wire === 0) [value, at] = varint(bytes, at);
        else if (wire === 2) {
            [value, at] = varint(bytes, at);
            const size = Number(value);
            value = bytes.subarray(at, at += size);
        } else if (wire === 5) {
            value = bytes.readFloatLE(at);
            at += 4;
        } else throw new Error(`wire type ${wire}`);
        found.set(number, [...(found.get(number) ?? []), value]);
    }
    return found;
}

// Repeated integers, packed or not.
function integers(values) {
    const found = [];
    for (const v of values) {
        if (typeof v === 'bigint') found.push(v);
        for (let value, at = 0; typeof v !== 'bigint' && at < v.length;) {
            [value, at] = varint(v, at);
            found.push(value);
        }
    }
    return found;
}
const all = (message, number) => message.get(number) ?? [];
const one = (message, number) => all(message, number)[0];
const text = (bytes) => bytes.toString('utf8');
const map = (entries) => entries.map(fields).map((e) => [text(one(e, 1)), fields(one(e, 2))]);
const types = { 1: 'float32', 3: 'int32' };
const sizes = (shape) => all(shape, 2).map((d) => Number(one(fields(d), 1) ?? 0n));

function attribute(value) {
    if (value.has(2)) return { s: one(value, 2).toString('base64') };
    if (value.has(3)) return { i: String(one(value, 3)) };
    if (value.has(4)) return { f: one(value, 4) };
    if (value.has(5)) return { b: one(value, 5) !== 0n };
    if (value.has(6)) return { type: Number(one(value, 6)) };
    if (value.has(7)) return { shape: { dim: sizes(fields(one(value, 7))).map((size) => ({ size: String(size) })) } };
    if (value.has(1)) return { list: { i: integers(all(fields(one(value, 1)), 3)).map(String) } };
    return {};
}

const [file, inputFile, outputFile, count] = process.argv.slice(2);
const meta = fields(one(fields(readFileSync(file)), 2));
const weightSpecs = [], weights = [];
const node = all(fields(one(meta, 2)), 1).map((bytes) => {
    const n = fields(bytes), name = text(one(n, 1)), op = text(one(n, 2)), attr = map(all(n, 5));
    if (op === 'Const') {
        const tensor = fields(one(Object.fromEntries(attr).value, 8));
        weightSpecs.push({ name, shape: sizes(fields(one(tensor, 2))), dtype: types[one(tensor, 1)] });
        weights.push(one(tensor, 4));
        return { name, op, input: [], attr: { dtype: { type: Number(one(tensor, 1)) } } };
    }
    return { name, op, input: all(n, 3).map(text), attr: Object.fromEntries(attr.map(([key, value]) => [key, attribute(value)])) };
});
const serving = Object.fromEntries(map(all(meta, 5))).serving_default;
const end = ([name, info]) => [name, { name: text(one(info, 1)), dtype: Number(one(info, 2)), tensorShape: { dim: [] } }];
const signature = {
    inputs: Object.fromEntries(map(all(serving, 1)).map(end)),
    outputs: Object.fromEntries(map(all(serving, 2)).map(end)),
};
const data = Buffer.concat(weights);
const model = await loadGraphModel({
    load: async () => ({
        modelTopology: { node, versions: {} },
        signature,
        format: 'graph-model',
        weightSpecs,
        weightData: data.buffer.slice(data.byteOffset, data.byteOffset + data.length),
    }),
});
const input = readFileSync(inputFile);
const values = new Float32Array(input.buffer, input.byteOffset, input.length / 4);
const shape = sizes(fields(one(map(all(serving, 1))[0][1], 3)));
const output = model.predict({ [Object.keys(signature.inputs)[0]]: tf.tensor(values, [Number(count), ...shape.slice(1)]) });
writeFileSync(outputFile, Buffer.from((await output.data()).buffer));
