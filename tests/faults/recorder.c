/* SPDX-License-Identifier: Apache-2.0 */
/* Records what a process asks of the files under one folder, in order, so that a power cut at any point can be
 * played afterwards (disk.py). Built by the tests with the system's C compiler and loaded with LD_PRELOAD.
 *
 * NX_FOLDER names the folder, NX_LOG the file that the events are appended to. One event:
 *   header: op (1 byte), length of name (4), inode (8), offset (8), length of data (8), little-endian, packed;
 *   then name and data.
 * Ops: w write at offset; t truncate to offset; s sync (data: the whole file where its writes were not seen, as those
 * of stdio are not; offset 1 says so); d sync of a directory; c create; r rename (data: the new name); u unlink; m mkdir.
 * Rules of the file: the call and its event happen under one lock, so that the log has the order of the calls; only
 * what succeeded is logged; memory-mapped writes are not seen (SQLite makes them only in -shm, which it rebuilds).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SEEN_MAX 4096
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static const char *folder;
static size_t folder_length;
static int log_file = -1;
static uint64_t seen[SEEN_MAX]; /* inodes whose writes came through here */
static int seen_count;

#pragma pack(push, 1)
struct header {
  char op;
  uint32_t name_length;
  uint64_t inode, offset, data_length;
};
#pragma pack(pop)

__attribute__((constructor)) static void begin(void) {
  folder = getenv("NX_FOLDER");
  const char *log = getenv("NX_LOG");
  if (folder && log) {
    folder_length = strlen(folder);
    log_file = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  }
}

static void put(const void *bytes, size_t length) {
  const char *at = bytes;
  while (length) {
    ssize_t done = syscall(SYS_write, log_file, at, length);
    if (done <= 0) abort();
    at += done, length -= (size_t)done;
  }
}

static void record(char op, const char *name, uint64_t inode, uint64_t offset, const void *data, size_t length) {
  struct header h = {op, (uint32_t)strlen(name), inode, offset, length};
  put(&h, sizeof h);
  put(name, h.name_length);
  put(data, length);
}

static int ours(const char *path) {
  return log_file >= 0 && !strncmp(path, folder, folder_length) && (path[folder_length] == '/' || !path[folder_length]);
}

/* Name and inode of an open file of ours; 0 if it is none. */
static int named(int fd, char *name, uint64_t *inode) {
  char link[64];
  struct stat s;
  if (log_file < 0) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, name, 4095);
  if (length <= 0) return 0;
  name[length] = 0;
  if (!ours(name) || fstat(fd, &s)) return 0;
  *inode = s.st_ino;
  return S_ISDIR(s.st_mode) ? 2 : 1;
}

static int was_seen(uint64_t inode) {
  for (int i = 0; i < seen_count; i++)
    if (seen[i] == inode) return 1;
  return 0;
}

static void see(uint64_t inode) {
  if (!was_seen(inode) && seen_count < SEEN_MAX) seen[seen_count++] = inode;
}

/* A name is about to go: its inode may be given to another file. */
static void lose(const char *path) {
  struct stat s;
  if (!ours(path) || stat(path, &s) || s.st_nlink > 1) return;
  for (int i = 0; i < seen_count; i++)
    if (seen[i] == s.st_ino) seen[i] = seen[--seen_count];
}

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (!real) real = dlsym(RTLD_NEXT, name)

static ssize_t wrote(int fd, const void *data, ssize_t done, off_t offset) {
  char name[4096];
  uint64_t inode;
  if (done > 0 && named(fd, name, &inode) == 1) {
    see(inode);
    record('w', name, inode, (uint64_t)offset, data, (size_t)done);
  }
  return done;
}

ssize_t write(int fd, const void *data, size_t length) {
  pthread_mutex_lock(&turn);
  ssize_t done = syscall(SYS_write, fd, data, length);
  if (log_file >= 0 && fd != log_file && done > 0) wrote(fd, data, done, lseek(fd, 0, SEEK_CUR) - done);
  pthread_mutex_unlock(&turn);
  return done;
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
  pthread_mutex_lock(&turn);
  ssize_t done = wrote(fd, data, syscall(SYS_pwrite64, fd, data, length, offset), offset);
  pthread_mutex_unlock(&turn);
  return done;
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) { return pwrite64(fd, data, length, offset); }

int ftruncate64(int fd, off64_t length) {
  char name[4096];
  uint64_t inode;
  pthread_mutex_lock(&turn);
  int done = (int)syscall(SYS_ftruncate, fd, length);
  if (!done && named(fd, name, &inode) == 1) see(inode), record('t', name, inode, (uint64_t)length, "", 0);
  pthread_mutex_unlock(&turn);
  return done;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static void whole(const char *name, uint64_t inode) {
  struct stat s;
  int fd = (int)syscall(SYS_openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0 || fstat(fd, &s)) abort();
  char *content = malloc((size_t)s.st_size + 1);
  if (!content || syscall(SYS_pread64, fd, content, s.st_size, 0) != s.st_size) abort();
  record('s', name, inode, 1, content, (size_t)s.st_size);
  free(content);
  close(fd);
}

static int synced(int fd, int call) {
  char name[4096];
  uint64_t inode;
  pthread_mutex_lock(&turn);
  int done = (int)syscall(call, fd), kind = done ? 0 : named(fd, name, &inode);
  if (kind == 2) record('d', name, inode, 0, "", 0);
  if (kind == 1 && was_seen(inode)) record('s', name, inode, 0, "", 0);
  if (kind == 1 && !was_seen(inode)) whole(name, inode);
  pthread_mutex_unlock(&turn);
  return done;
}

int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

static int opened(const char *path, int flags, mode_t mode) {
  struct stat s;
  pthread_mutex_lock(&turn);
  int is_new = log_file >= 0 && (flags & O_CREAT) && ours(path) && stat(path, &s);
  int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
  if (fd >= 0 && log_file >= 0 && ours(path) && !fstat(fd, &s) && S_ISREG(s.st_mode)) {
    if (is_new) see(s.st_ino), record('c', path, s.st_ino, 0, "", 0);
    else if (flags & O_TRUNC) see(s.st_ino), record('t', path, s.st_ino, 0, "", 0);
  }
  pthread_mutex_unlock(&turn);
  return fd;
}

#define MODE(flags) \
  va_list more; \
  va_start(more, flags); \
  mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? (mode_t)va_arg(more, int) : 0; \
  va_end(more)

int open64(const char *path, int flags, ...) { MODE(flags); return opened(path, flags | O_LARGEFILE, mode); }
int open(const char *path, int flags, ...) { MODE(flags); return opened(path, flags, mode); }

int rename(const char *from, const char *to) {
  REAL(int, "rename", const char *, const char *);
  pthread_mutex_lock(&turn);
  lose(to);
  int done = real(from, to);
  if (!done && ours(from)) record('r', from, 0, 0, to, strlen(to));
  pthread_mutex_unlock(&turn);
  return done;
}

int unlink(const char *path) {
  REAL(int, "unlink", const char *);
  pthread_mutex_lock(&turn);
  lose(path);
  int done = real(path);
  if (!done && ours(path)) record('u', path, 0, 0, "", 0);
  pthread_mutex_unlock(&turn);
  return done;
}

int mkdir(const char *path, mode_t mode) {
  REAL(int, "mkdir", const char *, mode_t);
  pthread_mutex_lock(&turn);
  int done = real(path, mode);
  if (!done && ours(path)) record('m', path, 0, 0, "", 0);
  pthread_mutex_unlock(&turn);
  return done;
}
