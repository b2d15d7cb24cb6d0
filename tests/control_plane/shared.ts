/**
 * One control plane for all tests of a file, and the decision to skip them where there can be none.
 *
 * ```ts ignore
 * const ignore = await controlPlaneOrSkip();
 * const controlPlane = sharedControlPlane();
 *
 * Deno.test({
 *   name: "a candidate leads",
 *   ignore,
 *   async fn() {
 *     const plane = await controlPlane();
 *     const account = await plane.serviceAccount("shared-a", "candidate");
 *     // ...
 *   },
 * });
 * ```
 *
 * Each test takes a namespace of its own, and leaves the control plane ready for the next: what it froze it
 * resumes, what it killed it starts again.
 *
 * @module
 */
import { ControlPlane, type ControlPlaneOptions } from "./control_plane.ts";
import { Supervisor } from "./supervisor.ts";

/**
 * Whether tests that need a control plane must be left out, for `Deno.test({ ignore })`. Says why on
 * standard error.
 *
 * @throws {Error} If there can be none although the environment says `CI=true`: there, tests that are left
 * out without anybody noticing are worse than none.
 */
export async function controlPlaneOrSkip(): Promise<boolean> {
  const reason = await ControlPlane.missing();
  if (reason === undefined) return false;
  if (Deno.env.get("CI") === "true") {
    throw new Error(`Tests need a control plane, and CI=true forbids to skip them: ${reason}`);
  }
  console.error(`SKIPPED: tests that need a control plane, because ${reason}.`);
  return true;
}

/**
 * Announces a control plane for the tests of this file; call it once, at the top. It starts when a test
 * first asks for it, so a run that filters these tests out starts nothing, and ends after the last test.
 * (Deno gives each test file a world of its own: there is no one process to share it wider.)
 *
 * Deno's sanitizers have nothing to say: the only resource is the shell that runs the programs, started
 * before the first test and ended after the last.
 *
 * @returns Gives the control plane.
 */
export function sharedControlPlane(options?: ControlPlaneOptions): () => Promise<ControlPlane> {
  let supervisor: Supervisor | undefined;
  let plane: Promise<ControlPlane> | undefined;
  Deno.test.beforeAll(() => {
    supervisor = Supervisor.start();
  });
  Deno.test.afterAll(async () => {
    // If it never became ready, start() has told the test and ended the supervisor.
    const started = await plane?.catch(() => undefined);
    await (started ?? supervisor)?.[Symbol.asyncDispose]();
  });
  return () => plane ??= ControlPlane.start(options, supervisor);
}
