// What the programs share: the material, and checks that are counted.

import { readFileSync } from 'node:fs';

export const material = JSON.parse(readFileSync(process.argv[2], 'utf8'));

let failed = 0;

/** Runs one check and prints how it ended. It holds if it returns true (or nothing) and does not throw. */
export async function check(name, body) {
  let problem;
  try {
    if ((await body()) === false) problem = 'does not hold';
  } catch (error) {
    problem = error.stack ?? String(error);
  }
  if (problem) failed += 1;
  console.log(`${problem ? 'FAILED' : 'ok'}  ${name}${problem ? `: ${problem}` : ''}`);
}

/** Ends the program; its exit code says whether all checks held. */
export function end() {
  process.exit(failed > 0 ? 1 : 0);
}

export function same(found, expected) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  if (a !== b) throw new Error(`found ${a}, expected ${b}`);
}

/** What a person does at the stand-in platform. */
export async function control(path, body) {
  const answer = await fetch(`${material.sandbox}/${path}`, { method: 'POST', body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}
