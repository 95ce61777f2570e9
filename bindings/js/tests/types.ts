// Not run: the declarations must fit what programs do, under `tsc --strict`.
import {
  Client, ElbusError, ERR_BUSY, Frame, OP_PUBLISH, RESPONSE_OK, Rpc, RpcError, RpcNotification, RpcRequest,
  type Operation, type RpcEvent,
} from "elbus";

export async function messages(): Promise<void> {
  const bus = new Client("plugin", { reconnect: true, timeout: 2.5 });
  bus.on_disconnect = () => console.log(bus.last_error?.message);
  await bus.connect("/run/elbus.sock", { signal: AbortSignal.timeout(1000) });
  await bus.connect(9924);

  const frame = new Frame(OP_PUBLISH, 1);
  frame.payload = Buffer.from("21.5");
  const operation: Operation = await bus.send("plant/speed", frame);
  const code: number = await operation.wait_completed();
  if (code === RESPONSE_OK) await bus.publish("plant/speed", "21.5", { qos: 3, timeout: 1 }).confirmed();
  await bus.subscribe(["plant/#"]);
  await bus.unsubscribe("plant/#").confirmed();
  for await (const received of bus.frames()) {
    const text: string = `${received.sender} ${received.topic ?? "-"} ${received.get_payload().toString("hex")}`;
    console.log(text, received.payload.length);
  }
  // @ts-expect-error there is no QoS 4
  await bus.send("display", "x", { qos: 4 });
  // @ts-expect-error a payload is bytes or text
  await bus.send("display", 21.5);
  // @ts-expect-error there is no such setting
  new Client("plugin", { retries: 3 });
}

export async function calls(bus: Client): Promise<Buffer> {
  const rpc = new Rpc(bus);
  rpc.on_call = async (event: RpcEvent) => {
    if (event.method.toString() === "echo") return event.get_payload();
    throw new RpcError(-32601);
  };
  rpc.on_notification = (event) => console.log(event.frame.sender);
  await rpc.notify("display", new RpcNotification("hello")).confirmed();
  await rpc.call0("display", new RpcRequest("clear"));
  try {
    const call = await rpc.call("display", new RpcRequest("show", "21.5"), { timeout: 1 });
    return (await call.wait_completed()).get_payload();
  } catch (error) {
    if (error instanceof RpcError) console.log(error.code, error.data, error.target, error.method);
    if (error instanceof ElbusError && error.code === ERR_BUSY) console.log(error.client);
    return rpc.call("display", "show", Buffer.from("x")).result();
  }
}
