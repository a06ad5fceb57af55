// MicroPython's FatFs on a block device of Python's, for tests/support/fatfs/__init__.py. Functions return a FRESULT.
#include <stdlib.h>
#include <string.h>
#include "lib/oofatfs/ff.h"
#include "lib/oofatfs/diskio.h"

typedef struct {
    int (*read)(BYTE *buf, DWORD sector, UINT count);
    int (*write)(const BYTE *buf, DWORD sector, UINT count);
    int (*sync)(void);
    DWORD sectors;
    UINT sector_size;
} disk_t;

DRESULT disk_read(void *drv, BYTE *buf, DWORD sector, UINT count) {
    return ((disk_t *)drv)->read(buf, sector, count) ? RES_ERROR : RES_OK;
}

DRESULT disk_write(void *drv, const BYTE *buf, DWORD sector, UINT count) {
    return ((disk_t *)drv)->write(buf, sector, count) ? RES_ERROR : RES_OK;
}

DRESULT disk_ioctl(void *drv, BYTE cmd, void *buf) {
    disk_t *disk = drv;
    switch (cmd) {
        case CTRL_SYNC:
            return disk->sync() ? RES_ERROR : RES_OK;
        case GET_SECTOR_COUNT:
            *(DWORD *)buf = disk->sectors;
            return RES_OK;
        case GET_SECTOR_SIZE:
            *(WORD *)buf = disk->sector_size;
            return RES_OK;
        case GET_BLOCK_SIZE:
            *(DWORD *)buf = 1;
            return RES_OK;
        case IOCTL_INIT:
        case IOCTL_STATUS:
            *(DSTATUS *)buf = 0;
            return RES_OK;
    }
    return RES_PARERR;
}

int fat_make(FATFS **fs, disk_t *disk, int format) {
    static BYTE work[FF_MAX_SS];
    *fs = calloc(1, sizeof(FATFS));
    (*fs)->drv = disk;
    int error = format ? f_mkfs(*fs, FM_FAT | FM_SFD, 0, work, sizeof work) : FR_OK;
    return error ? error : f_mount(*fs);
}

void fat_forget(void *object) {
    free(object);
}

int fat_open(FATFS *fs, FIL **file, const char *path, int write) {
    *file = calloc(1, sizeof(FIL));
    return f_open(fs, *file, path, write ? FA_WRITE | FA_CREATE_ALWAYS : FA_READ);
}

int fat_read(FIL *file, void *buf, UINT *size) {
    return f_read(file, buf, *size, size);
}

int fat_write(FIL *file, const void *buf, UINT *size) {
    return f_write(file, buf, *size, size);
}

int fat_seek(FIL *file, DWORD offset) {
    return f_lseek(file, offset);
}

int fat_sync(FIL *file) {
    return f_sync(file);
}

int fat_close(FIL *file) {
    return f_close(file);
}

int fat_stat(FATFS *fs, const char *path, DWORD *size) {
    FILINFO info;
    int error = f_stat(fs, path, &info);
    *size = info.fsize;
    return error;
}

int fat_list(FATFS *fs, FF_DIR **dir, const char *path) {
    *dir = calloc(1, sizeof(FF_DIR));
    return f_opendir(fs, *dir, path);
}

// name: of 256 bytes, empty at the end
int fat_next(FF_DIR *dir, char *name, DWORD *size) {
    FILINFO info;
    int error = f_readdir(dir, &info);
    strcpy(name, error ? "" : info.fname);
    *size = info.fsize;
    return error;
}

int fat_mkdir(FATFS *fs, const char *path) {
    return f_mkdir(fs, path);
}

int fat_remove(FATFS *fs, const char *path) {
    return f_unlink(fs, path);
}

int fat_rename(FATFS *fs, const char *from, const char *to) {
    return f_rename(fs, from, to);
}

int fat_free(FATFS *fs, DWORD *clusters, UINT *bytes, DWORD *all) {
    int result = f_getfree(fs, clusters);
    *bytes = fs->csize * fs->ssize;
    *all = fs->n_fatent - 2;
    return result;
}
