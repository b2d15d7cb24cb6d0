/**
 * What happens to the image for `exec`, as inside.ts plays it: a command under the guard, in a PID namespace
 * with the image's init as process 1.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { electorOf, lives } from "../support/exec_rig.ts";
import { until } from "../support/until.ts";
import type { Image } from "./build.ts";
import { childOf, type Cluster, Container, type Scenario, statusOf } from "./container.ts";

/** Says when it runs and when it is told to stop. */
const COMMAND = `trap 'echo stopped; exit 0' TERM; echo "leads by $K8SENSUS_TOKEN"
  while :; do sleep 0.1 & wait $!; done`;

/** Starts a container whose command is a script. */
async function start(image: Image, cluster: Cluster, name: string, more = {}): Promise<Container> {
  return await Container.start(image, {
    args: ["exec", "--log-format=json", "--", "sh", "-c", COMMAND],
    env: { ...cluster.env, POD_NAME: name, ...more },
  });
}

/** Each begins with a Lease that nobody has made yet. */
export const EXEC_SCENARIOS = {
  "exec: its command runs while it leads, and SIGTERM to the init ends both and releases": async (
    image,
    cluster,
  ) => {
    await using container = await start(image, cluster, "a");
    assert(await container.answers("/readyz"), container.log);
    assert(await container.answers("/leader"), container.log);
    assertMatch(cluster.lease, /^a_/);
    const guard = await childOf(container.pid);
    for (const pid of [guard, await electorOf({ pid: guard })]) {
      const status = await statusOf(pid);
      assertEquals(status.Uid, "1993\t1993\t1993\t1993");
      assertEquals([status.CapEff, status.NoNewPrivs], ["0000000000000000", "1"]);
    }
    await until("the command runs", () => container.log.includes('"command-started"'));
    container.signal("SIGTERM");
    assertEquals(await container.exitCode(), 0, container.log);
    assertMatch(await container.stdout, /^leads by \d+\nstopped\n$/);
    assertEquals(cluster.lease, "released", container.log);
    assert(!/Requires \w+ access|NotCapable|denied|unproven/i.test(container.log), container.log);
  },

  "exec: kill -9 of the elector kills the command and releases by proof; the next one leads at once":
    async (image, cluster) => {
      const long = { K8SENSUS_LEASE_DURATION: "120s" };
      await using first = await start(image, cluster, "a", long);
      assert(await first.answers("/leader"), first.log);
      // All containers share the ports of this network.
      await using second = await start(image, cluster, "b", { ...long, K8SENSUS_LISTEN: "off" });
      await until("the second one follows", () => second.log.includes('"new-leader"'));
      Deno.kill(await electorOf({ pid: await childOf(first.pid) }), "SIGKILL");
      assertEquals(await first.exitCode(), 70, first.log);
      assertMatch(first.log, /"event":"proven"/);
      // The lease would have run for two minutes, and until() waits for less.
      await until("the second one runs", () => second.log.includes('"command-started"'));
      assertMatch(cluster.lease, /^b_/);
    },

  "exec: kill -9 of the guard ends the container and all in it, and the Lease is left to run out":
    async (image, cluster) => {
      await using container = await start(image, cluster, "a");
      assert(await container.answers("/leader"), container.log);
      const guard = await childOf(container.pid);
      const elector = await electorOf({ pid: guard });
      Deno.kill(guard, "SIGKILL");
      assertEquals(await container.exitCode(), 137, container.log);
      assert(!lives(elector), "the init does not outlive its child, nor anybody the init");
      assertMatch(cluster.lease, /^a_/);
    },
} satisfies Record<string, Scenario>;
