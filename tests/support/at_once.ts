/**
 * Steps of a test that wait rather than work, run at the same time.
 *
 * @module
 */

/**
 * Runs steps at once. Deno's sanitizers, which cannot tell apart what belongs to whom, look at the test as a
 * whole, when all of them have ended.
 *
 * @param test The context of the test.
 * @param steps By their names.
 */
export async function atOnce(
  test: Deno.TestContext,
  steps: Readonly<Record<string, () => Promise<void>>>,
): Promise<void> {
  const unwatched = { sanitizeOps: false, sanitizeResources: false, sanitizeExit: false };
  await Promise.all(
    Object.entries(steps).map(([name, fn]) => test.step({ name, fn, ...unwatched })),
  );
}
