/**
 * JSON merge patches (RFC 7386).
 *
 * @module
 */

/**
 * Applies a merge patch.
 *
 * @param target What is patched; stays as it is.
 * @param patch Objects are merged, `null` removes, all else replaces.
 * @returns The result, which may share parts with both.
 */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const base = typeof target === "object" && target !== null && !Array.isArray(target)
    ? target as Record<string, unknown>
    : {};
  const merged = new Map(Object.entries(base));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, mergePatch(merged.get(key), value));
  }
  return Object.fromEntries(merged);
}
