// Numbers of the wire that programs may need, under the names that they have in all bindings.
"use strict";

exports.OP_NOP = 0x00;
exports.OP_PUBLISH = 0x01;
exports.OP_SUBSCRIBE = 0x02;
exports.OP_UNSUBSCRIBE = 0x03;
exports.OP_MESSAGE = 0x12;
exports.OP_BROADCAST = 0x13;
exports.OP_ACK = 0xfe;

exports.RESPONSE_OK = 0x01;
exports.ERR_CLIENT_NOT_REGISTERED = 0x71;
exports.ERR_DATA = 0x72;
exports.ERR_IO = 0x73;
exports.ERR_OTHER = 0x74;
exports.ERR_NOT_SUPPORTED = 0x75;
exports.ERR_BUSY = 0x76;
exports.ERR_NOT_DELIVERED = 0x77;
exports.ERR_TIMEOUT = 0x78;
exports.ERR_ACCESS = 0x79;
exports.ERR_EOF = 0xff;

exports.RPC_NOTIFICATION = 0x00;
exports.RPC_REQUEST = 0x01;
exports.RPC_REPLY = 0x11;
exports.RPC_ERROR = 0x12;
exports.RPC_ERROR_CODE_PARSE = -32700;
exports.RPC_ERROR_CODE_INVALID_REQUEST = -32600;
exports.RPC_ERROR_CODE_METHOD_NOT_FOUND = -32601;
exports.RPC_ERROR_CODE_INVALID_METHOD_PARAMS = -32602;
exports.RPC_ERROR_CODE_INTERNAL = -32603;
