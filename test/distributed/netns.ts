/** @file Two machines on this one: network namespaces that a bridge joins, where the system allows them (root, and `ip netns`). */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const prefix = `nabla${process.pid}`;
const switchName = `${prefix}s`;
export const hosts: readonly string[] = ["h1", "h2"];
const nameOf = (host: string): string => `${prefix}${host}`;

const ip = (...args: string[]): { ok: boolean; stderr: string } => {
  const { status, stderr, error } = spawnSync("ip", args, { encoding: "utf8" });
  return { ok: status === 0, stderr: error?.message ?? stderr };
};

function must(...args: string[]): void {
  const { ok, stderr } = ip(...args);
  if (!ok) throw new Error(`ip ${args.join(" ")}: ${stderr}`);
}

/** Why there can be no namespaces here; undefined if there can. */
export function obstacle(): string | undefined {
  const { ok, stderr } = ip("netns", "add", `${prefix}try`);
  if (!ok) return stderr.trim().split("\n")[0] || "ip netns failed";
  ip("netns", "del", `${prefix}try`);
  return undefined;
}

/** Makes the namespaces; gives what mpirun starts processes on them with, a stand-in for ssh. */
export function raise(folder: string): string {
  must("netns", "add", switchName);
  must("-n", switchName, "link", "add", "br0", "type", "bridge");
  must("-n", switchName, "link", "set", "br0", "up");
  for (const [i, host] of hosts.entries()) {
    const name = nameOf(host);
    must("netns", "add", name);
    must("link", "add", `${host}v`, "netns", switchName, "type", "veth", "peer", "name", "eth0", "netns", name);
    must("-n", switchName, "link", "set", `${host}v`, "master", "br0", "up");
    must("-n", name, "addr", "add", `10.78.1.${i + 1}/24`, "dev", "eth0");
    must("-n", name, "link", "set", "eth0", "up");
    must("-n", name, "link", "set", "lo", "up");
    // `ip netns exec` lays the files of /etc/netns/NAME over those of /etc.
    mkdirSync(`/etc/netns/${name}`, { recursive: true });
    writeFileSync(`/etc/netns/${name}/hosts`, `127.0.0.1 localhost\n${hosts.map((h, j) => `10.78.1.${j + 1} ${h}`).join("\n")}\n`);
  }
  const agent = join(folder, "agent");
  const enter = `exec ip netns exec ${prefix}$h unshare --uts sh -c "hostname $h; cd ${process.cwd()}; $*"`;
  writeFileSync(agent, `#!/bin/sh\nwhile [ "\${1#-}" != "$1" ]; do shift; done\nh=$1; shift\n${enter}\n`);
  chmodSync(agent, 0o755);
  return agent;
}

/** Cuts a machine off, or joins it again. */
export function setLink(host: string, up: boolean): void {
  must("-n", switchName, "link", "set", `${host}v`, up ? "up" : "down");
}

/** Removes the namespaces. */
export function lower(): void {
  for (const name of [switchName, ...hosts.map(nameOf)]) {
    ip("netns", "del", name);
    rmSync(`/etc/netns/${name}`, { recursive: true, force: true });
  }
}
