// A build starts empty, so that nothing of a deleted source file is ever run or published.
import { rmSync } from 'node:fs';

const [folder] = process.argv.slice(2);
const ours = ['dist', 'build/examples', 'build/bench'];
if (!ours.includes(folder)) throw new Error(`Only ${ours.join(', ')} are ours to remove.`);
rmSync(folder, { recursive: true, force: true });
