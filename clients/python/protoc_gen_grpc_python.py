"""A plugin of protoc and buf: the gRPC generator of grpcio-tools, which does not come as a plugin. For clients/generate."""

import sys
import tempfile
from pathlib import Path

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

request = CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
response = CodeGeneratorResponse(supported_features=CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL)
with tempfile.TemporaryDirectory() as scratch:
    descriptors, out = Path(scratch, "descriptors"), Path(scratch, "out")
    descriptors.write_bytes(FileDescriptorSet(file=request.proto_file).SerializeToString())
    out.mkdir()
    options = [f"--descriptor_set_in={descriptors}", f"--grpc_python_out={out}"]
    if protoc.main(["protoc", *options, *request.file_to_generate]) != 0:
        sys.exit("grpcio-tools could not generate")
    for file in sorted(out.rglob("*.py")):
        response.file.add(name=str(file.relative_to(out)), content=file.read_text("utf-8"))
sys.stdout.buffer.write(response.SerializeToString())
