// Signs delivery URLs of Darkroom with the standard library alone. Copy what you need; docs/signed-urls.md explains it.
//
//	Sign(url, key, ExpiresIn(86400))                          one image for a day
//	image + "?" + SignAlbum(folder, key, ExpiresIn(3600))     any image below a folder for an hour
//	Narrow(url, "s-ip=203.0.113.7")                           a signed URL for one address only; needs no key
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ExpiresIn is in unix seconds, so many from now.
func ExpiresIn(seconds int64) int64 { return time.Now().Unix() + seconds }

// Sign signs a URL, already percent-encoded, until expires. What it demands besides stands in its query.
func Sign(url, key string, expires int64) string {
	text := fmt.Sprintf("%s%sexp=%d", url, joint(url), expires)
	return text + "&sig=" + mac([]byte(key), target(text))
}

// SignAlbum makes the query that opens every image below a folder such as https://images.example.org/HASH/albums/2026/
func SignAlbum(folder, key string, expires int64) string {
	path, _, _ := strings.Cut(target(folder), "?")
	signed := Sign(fmt.Sprintf("%s%ss-pfx=%d", folder, joint(folder), strings.Count(path, "/")-1), key, expires)
	_, query, _ := strings.Cut(signed, "?")
	return query
}

// AlbumCookie is the value of Set-Cookie under which plain URLs below the folder open; query is what SignAlbum gave.
func AlbumCookie(folder, query string, seconds int64) string {
	path, _, _ := strings.Cut(target(folder), "?")
	return fmt.Sprintf("imgtoken=%s; Path=%s; Max-Age=%d; Secure; HttpOnly; SameSite=Lax", query, path, seconds)
}

// Narrow narrows a signed URL: demands is like "s-ip=203.0.113.7&exp=1790000300"; it is bound to its path too.
func Narrow(url, demands string) (string, error) {
	found := signed.FindStringSubmatch(url)
	if found == nil {
		return "", errors.New("the URL does not end with a signature")
	}
	text := found[1]
	key, err := hex.DecodeString(found[2])
	path, query, _ := strings.Cut(target(text), "?")
	block := fmt.Sprintf("s-at=%d", strings.Count("&"+query, "&s-at=")+1)
	if demands != "" {
		block += "&" + demands
	}
	return text + "&" + block + "&sig=" + mac(key, path+"?"+block), err
}

var (
	signed = regexp.MustCompile("^(.*)&sig=([0-9a-f]{64})$")
	origin = regexp.MustCompile("^[a-z]+://[^/]*")
)

// target is path and query: protocol and host are not signed.
func target(url string) string { return origin.ReplaceAllString(url, "") }

func joint(url string) string {
	if strings.Contains(url, "?") {
		return "&"
	}
	return "?"
}

func mac(key []byte, text string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// go run sign_urls.go day KEY URL | sign KEY URL EXPIRES | album KEY FOLDER EXPIRES | cookie FOLDER QUERY SECONDS | narrow URL DEMANDS
func main() {
	counts := map[string]int{"day": 2, "sign": 3, "album": 3, "cookie": 3, "narrow": 2}
	for words := os.Args[1:]; len(words) > 0; words = words[counts[words[0]]+1:] {
		w := words[1:]
		var number int64
		if counts[words[0]] == 3 {
			number, _ = strconv.ParseInt(w[2], 10, 64)
		}
		switch words[0] {
		case "day":
			fmt.Println(Sign(w[1], w[0], ExpiresIn(86400)))
		case "sign":
			fmt.Println(Sign(w[1], w[0], number))
		case "album":
			fmt.Println(SignAlbum(w[1], w[0], number))
		case "cookie":
			fmt.Println(AlbumCookie(w[0], w[1], number))
		case "narrow":
			narrowed, err := Narrow(w[0], w[1])
			if err != nil {
				panic(err)
			}
			fmt.Println(narrowed)
		}
	}
}
