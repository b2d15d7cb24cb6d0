/**
 * What happens to the image in its network namespace: one scenario, named in the first argument; the second
 * is the image. Ends with 0 if all went as it should.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { pause } from "../support/until.ts";
import type { Image } from "./build.ts";
import { childOf, Cluster, Container, type Scenario, statusOf } from "./container.ts";
import { EXEC_SCENARIOS } from "./exec_scenarios.ts";

/** Each begins with a Lease that nobody has made yet. */
export const SCENARIOS = {
  "as it is: it leads, and SIGTERM to the init releases the Lease": async (image, cluster) => {
    await using container = await Container.start(image, {
      env: { ...cluster.env, POD_NAME: "a" },
    });
    assert(await container.answers("/readyz"), container.log);
    assert(await container.answers("/leader"), container.log);
    assertMatch(cluster.lease, /^a_/);
    const status = await statusOf(await childOf(container.pid));
    assertEquals(status.Uid, "1993\t1993\t1993\t1993");
    assertEquals([status.CapEff, status.NoNewPrivs], ["0000000000000000", "1"]);
    const mounts = await Deno.readTextFile(`/proc/${container.pid}/mountinfo`);
    assertMatch(mounts, / \/ ro[ ,]/, "its root can be written to");
    container.signal("SIGTERM");
    assertEquals(await container.exitCode(), 0, container.log);
    assertEquals(cluster.lease, "released", container.log);
    assert(!/Requires \w+ access|NotCapable|permission|denied/i.test(container.log), container.log);
  },

  "as any other user, without a name for the Pod": async (image, cluster) => {
    const options = { user: "1000680000:0", env: cluster.env };
    await using container = await Container.start(image, options);
    assert(await container.answers("/leader"), container.log);
    assert(cluster.lease.startsWith(`${Deno.hostname()}_`), cluster.lease);
    container.signal("SIGTERM");
    assertEquals(await container.exitCode(), 0, container.log);
    assertEquals(cluster.lease, "released", container.log);
  },

  "with a kubeconfig in place of a service account": async (image, cluster) => {
    await cluster.writeKubeconfig();
    const env = { KUBECONFIG: "/kubeconfig/config", POD_NAME: "a" };
    await using container = await Container.start(image, { env });
    assert(await container.answers("/leader"), container.log);
    assertMatch(cluster.lease, /^a_/);
  },

  "SIGTERM at any time of the start ends it, and the Lease is not held": async (image, cluster) => {
    const env = { ...cluster.env, POD_NAME: "a" };
    for (let delayMs = 0; delayMs <= 240; delayMs += 16) {
      await using container = await Container.start(image, { env });
      await pause(delayMs);
      container.signal("SIGTERM");
      const code = await container.exitCode();
      // 143 before the service listens for signals: it has sent nothing yet.
      assert([0, 143].includes(code), `${code} after ${delayMs} ms:\n${container.log}`);
      const free = ["none", "unheld", "released"].includes(cluster.lease);
      assert(free, `${cluster.lease} after ${delayMs} ms:\n${container.log}`);
    }
  },

  "as process 1 itself: SIGTERM releases the Lease": async (image, cluster) => {
    const options = { init: false, env: { ...cluster.env, POD_NAME: "a" } };
    await using container = await Container.start(image, options);
    assert(await container.answers("/leader"), container.log);
    container.signal("SIGTERM");
    assertEquals(await container.exitCode(), 0, container.log);
    assertEquals(cluster.lease, "released", container.log);
  },

  "other arguments: --version, a mistake, and what the image may not do": async (
    image,
    cluster,
  ) => {
    const outcome = async (...args: string[]) => {
      await using container = await Container.start(image, { args, env: cluster.env });
      return [await container.exitCode(), await container.stdout, container.log] as const;
    };
    const [code, stdout] = await outcome("--version");
    assertEquals([code, stdout], [0, "k8sensus 0.1.0\n"]);
    const [mistake, , told] = await outcome("start", "--lease-nam=x");
    assertEquals([mistake, told.split("\n").length], [2, 1], told);
    const [refused, , why] = await outcome("demo", "--once");
    assertEquals([refused, why.split("\n").length], [1, 1], why);
    assertMatch(why, /^error: Requires write access/);
  },

  "each permission is needed": async (image, cluster) => {
    const { entrypoint } = image.config;
    for (const flag of entrypoint.filter((word) => word.startsWith("--allow-"))) {
      const config = { ...image.config, entrypoint: entrypoint.filter((word) => word !== flag) };
      const less = { root: image.root, config };
      // Nothing of the environment can be seen without --allow-env, so there is no cluster either.
      await using container = await Container.start(less, { env: cluster.env });
      assert(!await container.answers("/leader"), `it leads without ${flag}`);
      assertMatch(container.log, /Requires (net|read|sys) access|this is no pod/);
    }
  },
} satisfies Record<string, Scenario>;

if (import.meta.main) {
  const [name, image] = Deno.args as [string, string];
  const parsed: Image = JSON.parse(image);
  await using cluster = await Cluster.start(parsed);
  const scenarios: Readonly<Record<string, Scenario>> = { ...SCENARIOS, ...EXEC_SCENARIOS };
  await scenarios[name]!(parsed, cluster);
}
