/**
 * The launcher for arm64; launcher.ts has it in C. Each line has the machine code, its assembly and a comment. Offsets
 * to labels are zero bits.
 */
export const ARM64 = `
start:
  f94003f3  ldr x19, [sp]                   ; argc; then argv from sp+8 on, NULL, envp
  910083f4  add x20, sp, #32                ; x20: the next candidate, argv[3] at first
  8b336ff5  add x21, sp, x19, lsl #3
  910042b5  add x21, x21, #16               ; x21: envp
  aa1403f6  mov x22, x20                    ; x22: the slot of the ''
  f100167f  cmp x19, #5
  54000003  b.lo malformed
find:
  f94002c0  ldr x0, [x22]
  b4000000  cbz x0, malformed               ; NULL: there is no ''
  39400000  ldrb w0, [x0]
  34000000  cbz w0, found
  910022d6  add x22, x22, #8
  14000000  b find
found:
  eb1402df  cmp x22, x20
  54000000  b.eq malformed                  ; there is no candidate
  f9400fe0  ldr x0, [sp, #24]               ; ARG0
  f90002c0  str x0, [x22]                   ; x22: argv of the program from here on
  d28013a8  mov x8, #157                    ; setsid()
  d4000001  svc #0
  f9400be0  ldr x0, [sp, #16]               ; MODE
  79400000  ldrh w0, [x0]                   ; the letter and the NUL
  7101c01f  cmp w0, #0x70                   ; 'p'
  54000000  b.eq descriptors
  7101d01f  cmp w0, #0x74                   ; 't'
  54000001  b.ne malformed
  d2800000  mov x0, #0                      ; ioctl(0, TIOCSCTTY, 0)
  d28a81c1  mov x1, #0x540e
  d2800002  mov x2, #0
  d28003a8  mov x8, #29
  d4000001  svc #0
  10000001  adr x1, no_terminal
  35000000  cbnz w0, fail
descriptors:
  52800060  mov w0, #3                      ; close_range(3, ~0, 0)
  12800001  mov w1, #-1
  52800002  mov w2, #0
  d2803688  mov x8, #436
  d4000001  svc #0
  34000000  cbz w0, closed
  52800073  mov w19, #3
close:
  2a1303e0  mov w0, w19                     ; close(w19), of which a failure is ignored
  d2800728  mov x8, #57
  d4000001  svc #0
  11000673  add w19, w19, #1
  7110027f  cmp w19, #1024
  54000003  b.lo close
closed:
  10000017  adr x23, missing                ; x23, w24: message and exit code when none is left
  52800ff8  mov w24, #127
try:
  eb16029f  cmp x20, x22
  54000000  b.eq none
  f8408680  ldr x0, [x20], #8
  aa1603e1  mov x1, x22
  aa1503e2  mov x2, x21
  d2801ba8  mov x8, #221                    ; execve(x0, x1, x2)
  d4000001  svc #0
  3100081f  cmn w0, #2                      ; ENOENT
  54000000  b.eq try
  3100501f  cmn w0, #20                     ; ENOTDIR
  54000000  b.eq try
  3100341f  cmn w0, #13                     ; EACCES
  54000001  b.ne other
  10000017  adr x23, denied
  52800fd8  mov w24, #126
  14000000  b try
none:
  aa1703e1  mov x1, x23
  14000000  b report
other:
  10000001  adr x1, format
  3100201f  cmn w0, #8                      ; ENOEXEC
  54000000  b.eq fail
  10000001  adr x1, too_long
  31001c1f  cmn w0, #7                      ; E2BIG
  54000000  b.eq fail
malformed:
  10000001  adr x1, unfit
fail:
  52800fd8  mov w24, #126
report:
  d2800002  mov x2, #0                      ; x2: the length, the newline included
count:
  38626820  ldrb w0, [x1, x2]
  91000442  add x2, x2, #1
  7100281f  cmp w0, #10
  54000001  b.ne count
  d2800040  mov x0, #2                      ; write(2, x1, x2)
  d2800808  mov x8, #64
  d4000001  svc #0
  2a1803e0  mov w0, w24                     ; exit_group(w24)
  d2800bc8  mov x8, #94
  d4000001  svc #0
`
