// SPDX-License-Identifier: BSD-3-Clause

// Package disktest is a disk in memory that tells what was written from what was forced to the disk, fails when a test wants it to, and
// loses power. What SIGKILL cannot show, since the system's cache outlives the process, is shown over it.
//
// Terms:
//
//   - A node is a file or a directory; a name of a directory leads to one. Files have as many names as they were given.
//   - What is seen is what the running process reads. What is kept is what the disk has for certain: of a file what it was when it was
//     last forced to the disk, of a directory the same.
//   - What was changed since then is pending: writes and truncations of a file, steps (a name that is there now, one that is gone, both
//     at once by a rename) of directories.
//
// After a loss of power (Disk.Crash) the disk has what was kept, and of what was pending anything: of the steps any, each whole; of a
// file's pages any, each as it was at any time since; the last write cut off anywhere. That is the worst that file systems do. Most do
// better with what is appended to a file, which Ordered stands for.
//
// One mutex guards a whole disk. It knows nothing of what the files are for, and is for tests only.
package disktest
