// ONNX Runtime's latency, batch 1, one thread: the minimum of many runs. Arguments: model.onnx.
const ort = require('onnxruntime-node');
(async () => {
  const session = await ort.InferenceSession.create(process.argv[2], { intraOpNumThreads: 1, interOpNumThreads: 1 });
  const shape = (session.inputMetadata && session.inputMetadata[0] && session.inputMetadata[0].shape || [])
    .map(d => typeof d === 'number' && d > 0 ? d : 1);
  const dims = shape.length === 4 ? shape : [1, 1, 128, 128];
  const x = new ort.Tensor('float32', new Float32Array(dims.reduce((a, b) => a * b)).fill(0.1), dims);
  let best = Infinity;
  const begin = process.hrtime.bigint();
  for (let i = 0; i < 3000 && Number(process.hrtime.bigint() - begin) < 2e9; i++) {
    const t = process.hrtime.bigint();
    await session.run({ [session.inputNames[0]]: x });
    best = Math.min(best, Number(process.hrtime.bigint() - t) / 1e6);
  }
  console.log(best.toFixed(4));
})();
