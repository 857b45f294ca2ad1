/*
 * cache_file.c
 *		The file that shares a version's weights between backends.
 *
 * Layout, in the byte order of the machine: CacheHeader; ntensors times CacheTensor; then the arrays,
 * each at a multiple of 64 bytes: tensors in order, then the dictionary's slots, keys or offsets, and
 * blob. The header's checksum covers everything after it. A file begins with pgsql_tmp, so that the
 * server removes it when it starts, and backups leave it out.
 */
#include "pg/pg.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file_utils.h"
#include "storage/fd.h"
#include "storage/lock.h"

#include "model/cache_file.h"

#define CACHE_MAGIC UINT64_C(0x31306d7668656221) /* "!behvm01" on a little-endian machine */
#define CACHE_DIR "base/" PG_TEMP_FILES_DIR
#define CACHE_PREFIX PG_TEMP_FILE_PREFIX "_behavmine"
#define CACHE_ALIGN 64

typedef struct CacheHeader
{
	uint64 magic;
	uint64 checksum; /* of the bytes after the header */
	uint64 fingerprint;
	uint64 bytes; /* of the file */
	uint64 ntensors;
	uint64 items, kind, nslots, blob_bytes;
	uint64 slot_at, key_at, offset_at, blob_at; /* byte positions */
	uint64 unused[3];                           /* 0; the header is 128 bytes */
} CacheHeader;

typedef struct CacheTensor
{
	char name[BM_TENSOR_NAME];
	uint32 dtype, ndim;
	uint64 shape[BM_MAX_DIMS];
	uint64 at;
	uint64 unused[2];
} CacheTensor;

/* ---- checksum: four lanes of a multiply-xor hash, one pass, no claim against malice ---- */

typedef struct Sum
{
	uint64 lane[4];
	char rest[32];
	size_t nrest;
} Sum;

static inline uint64
stir(uint64 lane, uint64 word)
{
	lane = (lane ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return lane ^ (lane >> 29);
}

static inline void
sum_block(Sum *s, const char *p)
{
	uint64 w[4];

	memcpy(w, p, sizeof(w));
	for (int i = 0; i < 4; i++)
		s->lane[i] = stir(s->lane[i], w[i]);
}

static void
sum_add(Sum *s, const void *data, size_t bytes)
{
	const char *p = data;

	while (bytes > 0 && s->nrest > 0)
	{
		s->rest[s->nrest++] = *p++;
		bytes--;
		if (s->nrest == sizeof(s->rest))
		{
			sum_block(s, s->rest);
			s->nrest = 0;
		}
	}
	for (; bytes >= sizeof(s->rest); p += sizeof(s->rest), bytes -= sizeof(s->rest))
		sum_block(s, p);
	memcpy(s->rest + s->nrest, p, bytes);
	s->nrest += bytes;
}

static uint64
sum_end(Sum *s)
{
	uint64 h = 0;

	memset(s->rest + s->nrest, 0, sizeof(s->rest) - s->nrest);
	sum_block(s, s->rest);
	for (int i = 0; i < 4; i++)
		h = stir(h, s->lane[i]);
	return h;
}

/* ---- layout ---- */

static size_t
place(uint64 *at, size_t end, size_t bytes)
{
	*at = TYPEALIGN(CACHE_ALIGN, end);
	return *at + bytes;
}

static size_t
tensor_bytes(const BmTensor *t)
{
	return bmc_mul(bmc_tensor_count(t), 4); /* float32 and int32 */
}

/* Fill header and entries (tensors->n); the size of the file. */
static size_t
lay_out(CacheHeader *h, CacheTensor *entry, const BmVersion *v, const BmTensors *tensors,
		const BmDictView *items)
{
	size_t end = sizeof(CacheHeader) + tensors->n * sizeof(CacheTensor);

	memset(h, 0, sizeof(*h));
	h->magic = CACHE_MAGIC;
	h->fingerprint = v->fingerprint;
	h->ntensors = tensors->n;
	h->items = items->n;
	h->kind = items->kind;
	h->nslots = items->nslots;
	memset(entry, 0, tensors->n * sizeof(CacheTensor));
	for (int i = 0; i < tensors->n; i++)
	{
		const BmTensor *t = &tensors->t[i];

		strlcpy(entry[i].name, t->name, sizeof(entry[i].name));
		entry[i].dtype = t->dtype;
		entry[i].ndim = t->ndim;
		for (int d = 0; d < t->ndim; d++)
			entry[i].shape[d] = t->shape[d];
		end = place(&entry[i].at, end, tensor_bytes(t));
	}
	end = place(&h->slot_at, end, items->nslots * sizeof(uint32_t));
	if (items->kind == BM_KEY_INT)
		end = place(&h->key_at, end, items->n * sizeof(int64_t));
	else
	{
		h->blob_bytes = items->offset[items->n];
		end = place(&h->offset_at, end, ((size_t) items->n + 1) * sizeof(uint64_t));
		end = place(&h->blob_at, end, h->blob_bytes);
	}
	h->bytes = end;
	return end;
}

static void
file_path(char *path, const BmVersion *v)
{
	snprintf(path, MAXPGPATH, CACHE_DIR "/" CACHE_PREFIX "_%u_" INT64_FORMAT "_%d_%016llx",
			 MyDatabaseId, v->model_id, v->version, (unsigned long long) v->fingerprint);
}

/* ---- one maker ---- */

/* As LOCK_CLASS of registry.c: no advisory lock of the server's has this number. */
#define CACHE_LOCK_CLASS 0x424E

static LOCKTAG
file_lock(const BmVersion *v)
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (v->fingerprint >> 32),
						 (uint32) v->fingerprint, CACHE_LOCK_CLASS);
	return tag;
}

void
bm_cache_lock(const BmVersion *v)
{
	LOCKTAG tag = file_lock(v);

	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

void
bm_cache_unlock(const BmVersion *v)
{
	LOCKTAG tag = file_lock(v);

	(void) LockRelease(&tag, ExclusiveLock, false);
}

/* ---- writing ---- */

typedef struct Writer
{
	int fd;
	size_t at;
	Sum sum;
	bool ok;
} Writer;

static void
write_bytes(Writer *w, const void *data, size_t bytes)
{
	const char *p = data;

	sum_add(&w->sum, data, bytes);
	w->at += bytes;
	while (bytes > 0 && w->ok)
	{
		ssize_t n = write(w->fd, p, Min(bytes, (size_t) 1 << 26));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
		{
			errno = n == 0 ? ENOSPC : errno;
			w->ok = false;
			return;
		}
		p += n;
		bytes -= (size_t) n;
	}
}

/* Zeros up to position at, then data. */
static void
write_at(Writer *w, uint64 at, const void *data, size_t bytes)
{
	static const char zero[CACHE_ALIGN];

	if (bytes == 0)
		return;
	write_bytes(w, zero, at - w->at);
	write_bytes(w, data, bytes);
}

static bool
write_file(int fd, CacheHeader *h, const CacheTensor *entry, const BmTensors *tensors,
		   const BmDictView *items)
{
	Writer w = {.fd = fd, .at = sizeof(*h), .ok = true};

	if (lseek(fd, sizeof(*h), SEEK_SET) < 0)
		return false;
	write_bytes(&w, entry, tensors->n * sizeof(CacheTensor));
	for (int i = 0; i < tensors->n; i++)
		write_at(&w, entry[i].at, tensors->t[i].data, tensor_bytes(&tensors->t[i]));
	write_at(&w, h->slot_at, items->slot, items->nslots * sizeof(uint32_t));
	if (items->kind == BM_KEY_INT)
		write_at(&w, h->key_at, items->key, items->n * sizeof(int64_t));
	else
	{
		write_at(&w, h->offset_at, items->offset, ((size_t) items->n + 1) * sizeof(uint64_t));
		write_at(&w, h->blob_at, items->blob, h->blob_bytes);
	}
	h->bytes = w.at; /* empty arrays at the end take no room */
	h->checksum = sum_end(&w.sum);
	return w.ok && pwrite(fd, h, sizeof(*h), 0) == (ssize_t) sizeof(*h);
}

/* Files of other versions of the model are of no use any more; who has them mapped keeps them. */
static void
remove_others(const BmVersion *v, const char *keep)
{
	char prefix[MAXPGPATH], path[MAXPGPATH * 2];
	DIR *dir = AllocateDir(CACHE_DIR);
	struct dirent *de;

	snprintf(prefix, sizeof(prefix), CACHE_PREFIX "_%u_" INT64_FORMAT "_", MyDatabaseId,
			 v->model_id);
	while (dir && (de = ReadDirExtended(dir, CACHE_DIR, DEBUG1)) != NULL)
	{
		snprintf(path, sizeof(path), CACHE_DIR "/%s", de->d_name);
		if (strncmp(de->d_name, prefix, strlen(prefix)) == 0 && strcmp(path, keep) != 0 &&
			strstr(de->d_name, ".new") == NULL)
			(void) unlink(path);
	}
	if (dir)
		FreeDir(dir);
}

bool
bm_cache_write(const BmVersion *v, const BmTensors *tensors, const BmDictView *items)
{
	char path[MAXPGPATH], fresh[MAXPGPATH + 32];
	CacheHeader h;
	CacheTensor *entry = palloc(sizeof(CacheTensor) * Max(tensors->n, 1));
	int fd;
	bool ok;

	lay_out(&h, entry, v, tensors, items);
	file_path(path, v);
	snprintf(fresh, sizeof(fresh), "%s.new%d", path, MyProcPid);
	(void) MakePGDirectory(CACHE_DIR);
	fd = OpenTransientFile(fresh, O_RDWR | O_CREAT | O_TRUNC | PG_BINARY);
	ok = fd >= 0 && write_file(fd, &h, entry, tensors, items);
	if (fd >= 0)
		ok &= CloseTransientFile(fd) == 0;
	ok = ok && rename(fresh, path) == 0;
	if (ok)
		remove_others(v, path);
	else
	{
		ereport(DEBUG1, (errcode_for_file_access(),
						 errmsg("could not write cache file \"%s\": %m", fresh)));
		(void) unlink(fresh);
	}
	pfree(entry);
	return ok;
}

/* ---- mapping ---- */

/* bytes bytes at position at lie within the file, aligned. */
static bool
inside(const CacheHeader *h, uint64 at, size_t bytes)
{
	return bytes == 0 || (at % CACHE_ALIGN == 0 && at <= h->bytes && bytes <= h->bytes - at);
}

static bool
map_tensors(const CacheHeader *h, const char *base, BmTensors *out)
{
	const CacheTensor *entry = (const CacheTensor *) (base + sizeof(*h));

	if (h->ntensors > BM_MAX_TENSORS || sizeof(*h) + h->ntensors * sizeof(CacheTensor) > h->bytes)
		return false;
	out->n = (int) h->ntensors;
	for (int i = 0; i < out->n; i++)
	{
		BmTensor *t = &out->t[i];

		if (entry[i].ndim > BM_MAX_DIMS || (entry[i].dtype != BM_F32 && entry[i].dtype != BM_I32))
			return false;
		strlcpy(t->name, entry[i].name, sizeof(t->name));
		t->dtype = (BmDtype) entry[i].dtype;
		t->ndim = (int) entry[i].ndim;
		for (int d = 0; d < t->ndim; d++)
			t->shape[d] = entry[i].shape[d];
		t->data = base + entry[i].at;
		if (!inside(h, entry[i].at, tensor_bytes(t)))
			return false;
	}
	return true;
}

static bool
map_items(const CacheHeader *h, const char *base, BmDictView *d)
{
	if (h->items > UINT32_MAX / 2 || h->nslots > UINT32_MAX ||
		!inside(h, h->slot_at, h->nslots * sizeof(uint32_t)))
		return false;
	memset(d, 0, sizeof(*d));
	d->kind = (BmKeyKind) h->kind;
	d->n = (uint32_t) h->items;
	d->nslots = (uint32_t) h->nslots;
	d->slot = (const uint32_t *) (base + h->slot_at);
	if (d->kind == BM_KEY_INT)
	{
		d->key = (const int64_t *) (base + h->key_at);
		return inside(h, h->key_at, h->items * sizeof(int64_t)) && bmc_dict_valid(d, 0);
	}
	d->offset = (const uint64_t *) (base + h->offset_at);
	d->blob = base + h->blob_at;
	return d->kind == BM_KEY_BYTES && inside(h, h->offset_at, (h->items + 1) * sizeof(uint64_t)) &&
		   inside(h, h->blob_at, h->blob_bytes) && bmc_dict_valid(d, h->blob_bytes);
}

static bool
valid_file(const BmVersion *v, BmMapping *m)
{
	const CacheHeader *h = m->base;
	Sum sum;

	if (h->magic != CACHE_MAGIC || h->bytes != m->bytes || h->fingerprint != v->fingerprint ||
		h->items != (uint64) v->items)
		return false;
	memset(&sum, 0, sizeof(sum));
	sum_add(&sum, (const char *) m->base + sizeof(*h), m->bytes - sizeof(*h));
	if (sum_end(&sum) != h->checksum)
		return false;
	m->tensors = palloc0(sizeof(BmTensors));
	return map_tensors(h, m->base, m->tensors) && map_items(h, m->base, &m->items);
}

bool
bm_cache_map(const BmVersion *v, BmMapping *m)
{
	char path[MAXPGPATH];
	struct stat st;
	int fd;

	memset(m, 0, sizeof(*m));
	file_path(path, v);
	fd = OpenTransientFile(path, O_RDONLY | PG_BINARY);
	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && st.st_size >= (off_t) sizeof(CacheHeader))
	{
		m->bytes = (size_t) st.st_size;
		m->base = mmap(NULL, m->bytes, PROT_READ, MAP_SHARED, fd, 0);
		if (m->base == MAP_FAILED)
			m->base = NULL;
	}
	CloseTransientFile(fd);
	if (m->base && valid_file(v, m))
		return true;
	bm_cache_unmap(m);
	return false;
}

void
bm_cache_unmap(BmMapping *m)
{
	if (m->base)
		(void) munmap(m->base, m->bytes);
	m->base = NULL;
}
