// What a native library that crashes looks like from outside.
process.stderr.write('some log\nthe library is of another version\n');
process.kill(process.pid, 'SIGSEGV');
