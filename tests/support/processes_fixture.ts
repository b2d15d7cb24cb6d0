/** A program for processes_test.ts. */
import { assert } from "@std/assert";

assert(Deno.args.length === 1);
console.log("to stdout");
const line = { event: "greeting", argument: Deno.args[0], greeted: Deno.env.get("GREETED") };
console.error(JSON.stringify(line));
setTimeout(() => {}, 60_000);
