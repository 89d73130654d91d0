// Holds a log to golang.org/x/mod: its note and tlog packages were written for Go's checksum
// database, and know nothing of this log. For each folder that is named it prints "accepted", or
// "refused: " and why.
package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

func main() {
	for _, folder := range os.Args[1:] {
		if err := check(folder); err != nil {
			fmt.Println("refused:", strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Println("accepted")
		}
	}
}

// tiles reads the tiles of a log from files; x/mod names the height in their path, C2SP does not.
type tiles string

func (folder tiles) Height() int                     { return height }
func (folder tiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (folder tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(string(folder), path))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func check(folder string) error {
	vkey, err := os.ReadFile(filepath.Join(folder, "vkey"))
	if err != nil {
		return err
	}
	verifier, err := note.NewVerifier(string(vkey))
	if err != nil {
		return err
	}
	checkpoint, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	if err != nil {
		return err
	}
	tree, err := open(checkpoint, verifier)
	if err != nil {
		return err
	}
	hashes, err := leaves(folder, tree)
	if err != nil {
		return err
	}
	if err := bundles(folder, hashes); err != nil {
		return err
	}
	err = each(folder, "proof", func(name, text string) error {
		return inclusion(name, text, hashes, verifier)
	})
	if err != nil {
		return err
	}
	return each(folder, "consistency", func(name, text string) error {
		return consistency(folder, name, text, verifier)
	})
}

// open reads a checkpoint; tlog.ParseTree would take those of Go's own log alone.
func open(msg []byte, verifier note.Verifier) (tree tlog.Tree, err error) {
	opened, err := note.Open(msg, note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tree, fmt.Errorf("no checkpoint of this log")
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return tree, err
}

// leaves reads every leaf hash through the tiles, each held to the root.
func leaves(folder string, tree tlog.Tree) ([]tlog.Hash, error) {
	indexes := make([]int64, tree.N)
	for n := range indexes {
		indexes[n] = tlog.StoredHashIndex(0, int64(n))
	}
	return tlog.TileHashReader(tree, tiles(folder)).ReadHashes(indexes)
}

// bundles holds the leaves themselves to their hashes.
func bundles(folder string, hashes []tlog.Hash) error {
	for start := 0; start < len(hashes); start += 1 << height {
		width := 1 << height
		if width > len(hashes)-start {
			width = len(hashes) - start
		}
		tile := tlog.Tile{H: height, L: 0, N: int64(start >> height), W: width}
		path := strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)
		data, err := os.ReadFile(filepath.Join(folder, path))
		if err != nil {
			return err
		}
		for n := start; n < start+width; n++ {
			if len(data) < 2 || len(data) < 2+int(data[0])<<8+int(data[1]) {
				return fmt.Errorf("%s is cut", path)
			}
			length := int(data[0])<<8 + int(data[1])
			if tlog.RecordHash(data[2:2+length]) != hashes[n] {
				return fmt.Errorf("leaf %d is another one", n)
			}
			data = data[2+length:]
		}
		if len(data) > 0 {
			return fmt.Errorf("%s is too long", path)
		}
	}
	return nil
}

func each(folder, kind string, check func(name, text string) error) error {
	files, err := os.ReadDir(filepath.Join(folder, kind))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no %s: %v", kind, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(folder, kind, file.Name()))
		if err != nil {
			return err
		}
		if err := check(file.Name(), string(text)); err != nil {
			return fmt.Errorf("%s %s: %w", kind, file.Name(), err)
		}
	}
	return nil
}

// inclusion checks a tlog-proof file, named for the index that it must prove.
func inclusion(name, text string, hashes []tlog.Hash, verifier note.Verifier) error {
	head, signed, _ := strings.Cut(text, "\n\n")
	tree, err := open([]byte(signed), verifier)
	if err != nil {
		return err
	}
	path, err := proof(head, "c2sp.org/tlog-proof@v1\nindex "+name)
	if err != nil {
		return err
	}
	index, err := strconv.ParseInt(name, 10, 64)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(path, tree.N, tree.Hash, index, hashes[index])
}

// consistency checks the body of a tlog-witness request, named for the size that it begins from.
func consistency(folder, name, text string, verifier note.Verifier) error {
	head, signed, _ := strings.Cut(text, "\n\n")
	tree, err := open([]byte(signed), verifier)
	if err != nil {
		return err
	}
	path, err := proof(head, "old "+name)
	if err != nil {
		return err
	}
	saved, err := os.ReadFile(filepath.Join(folder, "saved", name))
	if err != nil {
		return err
	}
	old, err := open(saved, verifier)
	if err != nil {
		return err
	}
	return tlog.CheckTree(path, tree.N, tree.Hash, old.N, old.Hash)
}

// proof reads the hashes behind a head, a line each.
func proof(text, head string) ([]tlog.Hash, error) {
	rest := strings.TrimPrefix(text, head)
	if rest == text {
		return nil, fmt.Errorf("it is of another form")
	}
	var hashes []tlog.Hash
	for _, line := range strings.Split(rest, "\n")[1:] {
		data, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(data) != tlog.HashSize {
			return nil, fmt.Errorf("a line is no hash")
		}
		hashes = append(hashes, tlog.Hash(*(*[tlog.HashSize]byte)(data)))
	}
	return hashes, nil
}
