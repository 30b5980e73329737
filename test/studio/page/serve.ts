/** @file The studio's server, started as a reader would. */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));

export interface Server {
  readonly child: ChildProcess;
  readonly url: string;
}

/** Runs the command `nabla` with these arguments in a folder until it prints the address of its page. @throws {Error} if it ends before. */
export async function serve(args: readonly string[], cwd: string): Promise<Server> {
  const child = spawn(process.execPath, [main, ...args], { cwd, stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout!.on("data", (text) => {
      said += text;
      const found = /http:\S+/.exec(said);
      if (found) resolve(found[0]);
    });
    child.once("exit", () => reject(new Error(`nabla ${args.join(" ")} ended: ${said}`)));
  });
  child.removeAllListeners("exit");
  return { child, url };
}
