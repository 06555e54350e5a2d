// Runs a .tflite in LiteRT (TensorFlow Lite with XNNPACK, as WebAssembly in headless Chromium).
// usage: node litert.mjs MODEL INPUT.bin OUTPUT.bin N
// INPUT holds N float32 inputs one after another, in the model's own layout; OUTPUT gets N outputs.
import { createServer } from 'node:http';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const [model, inputFile, outputFile, count] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const types = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm', '.html': 'text/html' };
const page = `<!doctype html><script type="importmap">{"imports": {
  "@litertjs/core": "/node_modules/@litertjs/core/dist/index.js",
  "@litertjs/wasm-utils": "/node_modules/@litertjs/wasm-utils/dist/index.js"}}</script>
<script type="module">
import { loadLiteRt, loadAndCompile, Tensor } from '@litertjs/core';
window.run = async (n) => {
    await loadLiteRt('/node_modules/@litertjs/core/wasm/', { threads: false });
    const model = await loadAndCompile('/model', { accelerator: 'wasm' });
    const all = new Float32Array(await (await fetch('/input')).arrayBuffer());
    const each = all.length / n;
    const shape = Array.from(model.getInputDetails()[0].shape);
    const outputs = [];
    for (let i = 0; i < n; i++) {
        const input = new Tensor(all.slice(i * each, (i + 1) * each), shape);
        const result = await model.run([input]);
        outputs.push(...(await result[0].data()));
    }
    return outputs;
};
window.ready = true;
</script>`;

const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://x').pathname));
    const headers = {
        'Cross-Origin-Opener-Policy': 'same-origin',
        'Cross-Origin-Embedder-Policy': 'require-corp',
        'Content-Type': types[extname(path)] ?? 'application/octet-stream',
    };
    try {
        let body;
        if (path === '/') {
            headers['Content-Type'] = 'text/html';
            body = page;
        } else if (path === '/model') {
            body = readFileSync(model);
        } else if (path === '/input') {
            body = readFileSync(inputFile);
        } else if (path.startsWith('/node_modules/')) {
            body = readFileSync(join(here, path));
        } else {
            throw new Error('not served');
        }
        response.writeHead(200, headers);
        response.end(body);
    } catch {
        response.writeHead(404, headers);
        response.end();
    }
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update',
        '--disable-sync', '--no-first-run'],
});
let code = 0;
try {
    const tab = await browser.newPage();
    tab.on('pageerror', (error) => console.error(`litert: ${error.message}`));
    await tab.goto(`http://127.0.0.1:${server.address().port}/`);
    await tab.waitForFunction('window.ready');
    const outputs = await tab.evaluate((n) => window.run(n), Number(count));
    writeFileSync(outputFile, Buffer.from(Float32Array.from(outputs).buffer));
} catch (error) {
    console.error(`litert: ${model}: ${error.message}`);
    code = 1;
} finally {
    await browser.close();
    server.close();
}
process.exitCode = code;
