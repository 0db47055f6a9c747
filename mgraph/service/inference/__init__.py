"""The Open Inference Protocol (KServe V2) over HTTP: graphs as models, columns as tensors.

Source:
    github.com/kserve/open-inference-protocol, inference_rest.md; for binary tensors, Triton's
    extension_binary_data.md.
"""
