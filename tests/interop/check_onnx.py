#!/usr/bin/python3
"""onnx.checker on ONNX files, with shape inference. usage: check_onnx.py MODEL.onnx..."""
import sys

import onnx
import onnx.shape_inference

for path in sys.argv[1:]:
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    opset = model.opset_import[0].version
    assert opset >= 13, opset
    batch = model.graph.input[0].type.tensor_type.shape.dim[0]
    assert batch.dim_param and not batch.dim_value, "the batch is fixed"
    keys = {p.key for p in model.metadata_props}
    assert {"classes", "mean", "scale", "semtinel"} <= keys, keys
