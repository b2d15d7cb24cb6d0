/**
 * A control plane to try things on:
 * `deno run -A tests/control_plane/main.ts [--build-only] [flags of kube-apiserver]`.
 *
 * @module
 */
import { binaries } from "./binaries.ts";
import { ControlPlane } from "./control_plane.ts";

if (import.meta.main) {
  const flags = Deno.args.filter((argument) => argument !== "--build-only");
  if (flags.length < Deno.args.length) {
    console.log((await binaries()).apiServer);
  } else {
    await runUntilInterrupted(flags);
  }
}

async function runUntilInterrupted(flags: readonly string[]): Promise<void> {
  const interrupted = new Promise<void>((resolve) => {
    Deno.addSignalListener("SIGINT", resolve);
    Deno.addSignalListener("SIGTERM", resolve);
  });
  const plane = await ControlPlane.start({ flags });
  console.log(plane.kubeconfig);
  console.error(`kube-apiserver answers at ${plane.url}. Ctrl-C ends it.`);
  await interrupted;
  await plane[Symbol.asyncDispose]();
  Deno.exit(); // The signal listeners would hold the process.
}
