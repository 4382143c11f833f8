// A build starts empty, so that nothing of a deleted source file is ever run or published.
import { rmSync } from 'node:fs';

const [folder] = process.argv.slice(2);
if (folder !== 'dist' && folder !== 'build') throw new Error('Only dist and build are ours to remove.');
rmSync(folder, { recursive: true, force: true });
