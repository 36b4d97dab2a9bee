/**
 * The launcher for x64; launcher.ts has it in C. Each line has the machine code, its assembly and a comment. Offsets to
 * labels are `..`.
 */
export const X64 = `
start:
  48 8b 0c 24            mov rcx, [rsp]                  ; argc; then argv from rsp+8 on, NULL, envp
  48 8d 6c cc 10         lea rbp, [rsp+rcx*8+16]         ; rbp: envp
  4c 8d 74 24 20         lea r14, [rsp+32]               ; r14: the next candidate, argv[3] at first
  4d 89 f4               mov r12, r14                    ; r12: the slot of the ''
  48 83 f9 05            cmp rcx, 5
  0f 82 .. .. .. ..      jb malformed
find:
  49 8b 04 24            mov rax, [r12]
  48 85 c0               test rax, rax
  0f 84 .. .. .. ..      jz malformed                    ; NULL: there is no ''
  80 38 00               cmp byte ptr [rax], 0
  74 ..                  je found
  49 83 c4 08            add r12, 8
  eb ..                  jmp find
found:
  4d 39 f4               cmp r12, r14
  0f 84 .. .. .. ..      je malformed                    ; there is no candidate
  48 8b 44 24 18         mov rax, [rsp+24]               ; ARG0
  49 89 04 24            mov [r12], rax                  ; r12: argv of the program from here on
  b8 70 00 00 00         mov eax, 112                    ; setsid()
  0f 05                  syscall
  48 8b 44 24 10         mov rax, [rsp+16]               ; MODE
  0f b7 00               movzx eax, word ptr [rax]       ; the letter and the NUL
  83 f8 70               cmp eax, 0x70                   ; 'p'
  74 ..                  je descriptors
  83 f8 74               cmp eax, 0x74                   ; 't'
  0f 85 .. .. .. ..      jne malformed
  31 ff                  xor edi, edi                    ; ioctl(0, TIOCSCTTY, 0)
  be 0e 54 00 00         mov esi, 0x540e
  31 d2                  xor edx, edx
  b8 10 00 00 00         mov eax, 16
  0f 05                  syscall
  48 8d 35 .. .. .. ..   lea rsi, [rip+no_terminal]
  85 c0                  test eax, eax
  0f 88 .. .. .. ..      js fail
descriptors:
  bf 03 00 00 00         mov edi, 3                      ; close_range(3, ~0, 0)
  be ff ff ff ff         mov esi, -1
  31 d2                  xor edx, edx
  b8 b4 01 00 00         mov eax, 436
  0f 05                  syscall
  85 c0                  test eax, eax
  74 ..                  jz closed
  bf 03 00 00 00         mov edi, 3
close:
  b8 03 00 00 00         mov eax, 3                      ; close(edi), of which a failure is ignored
  0f 05                  syscall
  ff c7                  inc edi
  81 ff 00 04 00 00      cmp edi, 1024
  72 ..                  jb close
closed:
  4c 8d 2d .. .. .. ..   lea r13, [rip+missing]          ; r13, ebx: message and exit code when none is left
  bb 7f 00 00 00         mov ebx, 127
try:
  4d 39 e6               cmp r14, r12
  74 ..                  je none
  49 8b 3e               mov rdi, [r14]
  49 83 c6 08            add r14, 8
  4c 89 e6               mov rsi, r12
  48 89 ea               mov rdx, rbp
  b8 3b 00 00 00         mov eax, 59                     ; execve(rdi, rsi, rdx)
  0f 05                  syscall
  83 f8 fe               cmp eax, -2                     ; ENOENT
  74 ..                  je try
  83 f8 ec               cmp eax, -20                    ; ENOTDIR
  74 ..                  je try
  83 f8 f3               cmp eax, -13                    ; EACCES
  75 ..                  jne other
  4c 8d 2d .. .. .. ..   lea r13, [rip+denied]
  bb 7e 00 00 00         mov ebx, 126
  eb ..                  jmp try
none:
  4c 89 ee               mov rsi, r13
  eb ..                  jmp report
other:
  48 8d 35 .. .. .. ..   lea rsi, [rip+format]
  83 f8 f8               cmp eax, -8                     ; ENOEXEC
  74 ..                  je fail
  48 8d 35 .. .. .. ..   lea rsi, [rip+too_long]
  83 f8 f9               cmp eax, -7                     ; E2BIG
  74 ..                  je fail
malformed:
  48 8d 35 .. .. .. ..   lea rsi, [rip+unfit]
fail:
  bb 7e 00 00 00         mov ebx, 126
report:
  31 d2                  xor edx, edx                    ; edx: the length, the newline included
count:
  ff c2                  inc edx
  80 7c 16 ff 0a         cmp byte ptr [rsi+rdx-1], 10
  75 ..                  jne count
  bf 02 00 00 00         mov edi, 2                      ; write(2, rsi, rdx)
  b8 01 00 00 00         mov eax, 1
  0f 05                  syscall
  89 df                  mov edi, ebx                    ; exit_group(ebx)
  b8 e7 00 00 00         mov eax, 231
  0f 05                  syscall
`
